//! The values that a layer's charts say themselves, written out, so that they can be tried like its own.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::{Map, Value};

use crate::{chart::Chart, layers::ResolvedLayer, pack_charts};

/// How many charts of one tree are written out; every alias counts.
const MOST_CHARTS: usize = 200;

/// The values of a layer, with those of its charts and of the charts in them where it says nothing. Also whether that are all.
pub(super) fn with_chart_values(values: &Value, layer: &ResolvedLayer<'_>) -> (Value, bool) {
    let charts = match layer.charts {
        Some(charts) => Cow::Borrowed(charts),
        None => match pack_charts(layer.pack) {
            Ok(charts) => Cow::Owned(charts),
            Err(_) => return (values.clone(), false),
        },
    };
    let (mut whole, mut left) = (values.clone(), MOST_CHARTS);
    for (chart, source) in charts.iter().zip(&layer.pack.charts) {
        let Value::Object(map) = &mut whole else { continue };
        let all = map.entry("charts").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(all) = all else { continue };
        let own = all.entry(source.name.clone()).or_insert_with(|| Value::Object(Map::new()));
        if own.is_null() {
            *own = Value::Object(Map::new());
        }
        fill(own, &defaults(chart, &mut left));
    }
    (whole, left > 0)
}

/// What a chart says, with what the charts in it say below their names, or below the aliases under which it declares them.
fn defaults(chart: &Chart, left: &mut usize) -> Value {
    let mut values = Value::Object(chart.values.clone());
    let declared = chart.metadata.dependencies.as_deref().unwrap_or_default();
    for inner in &chart.subcharts {
        let name = &inner.metadata.name;
        let own = declared.iter().filter(|dependency| dependency.name == *name);
        let mut names: BTreeSet<&String> =
            own.map(|it| if it.alias.is_empty() { name } else { &it.alias }).collect();
        if names.is_empty() {
            names.insert(name);
        }
        for name in names {
            if *left == 0 {
                return values;
            }
            *left -= 1;
            let below = defaults(inner, left);
            fill(&mut values, &Value::Object(Map::from_iter([(name.clone(), below)])));
        }
    }
    values
}

/// Puts in what is not there; what is null was taken out by somebody.
fn fill(values: &mut Value, defaults: &Value) {
    let (Value::Object(values), Value::Object(defaults)) = (values, defaults) else { return };
    for (key, default) in defaults {
        match values.get_mut(key) {
            Some(value) => fill(value, default),
            None => {
                values.insert(key.clone(), default.clone());
            }
        }
    }
}
