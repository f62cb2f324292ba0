//! `range`: what can be gone through, and how each round sees it.

use super::{Done, Flow, Frame};
use crate::template::{
    format,
    node::Range,
    value::{IntType, Value, length},
};

impl Frame<'_> {
    pub(super) fn range(&mut self, dot: &Value, range: &Range) -> Done<Flow> {
        let scope = self.variables.len();
        let pipeline = &range.pipeline;
        // The loop's variables are set round by round, not by the pipeline.
        let value = self.commands(dot, pipeline)?;
        if !pipeline.assigns {
            for name in &pipeline.variables {
                self.variables.push((name.clone(), Value::Absent));
            }
        }
        let inner = self.variables.len();
        let mut rounds = 0_u64;
        let mut stopped = None;
        let mut round = |frame: &mut Self, index: Value, item: Value| -> Done<bool> {
            rounds += 1;
            frame.step(pipeline.position)?;
            match pipeline.variables.as_slice() {
                [one] => frame.assign(pipeline, one, item.clone(), inner)?,
                [first, second] => {
                    frame.assign(pipeline, first, index, inner)?;
                    frame.assign(pipeline, second, item.clone(), inner)?;
                }
                _ => {}
            }
            let flow = frame.body(&item, &range.body)?;
            frame.variables.truncate(inner);
            match flow {
                Flow::Break => {
                    stopped = Some(());
                    Ok(false)
                }
                Flow::On | Flow::Continue => Ok(true),
            }
        };
        match &value {
            Value::Absent | Value::Nil => {}
            Value::List(list) => {
                for (index, item) in list.items().iter().enumerate() {
                    if !round(self, Value::int(length(index)), item.clone())? {
                        break;
                    }
                }
            }
            Value::Bytes(bytes) => {
                for (index, byte) in bytes.as_bytes().iter().enumerate() {
                    let item = Value::Int(IntType::Uint8, i64::from(*byte));
                    if !round(self, Value::int(length(index)), item)? {
                        break;
                    }
                }
            }
            Value::Map(map) => {
                for (key, item) in map.entries() {
                    if !round(self, Value::Text(key), item)? {
                        break;
                    }
                }
            }
            Value::Int(kind, count) => {
                if pipeline.variables.len() > 1 {
                    return self.refuse_pipeline(
                        pipeline,
                        format!("can't use {count} to iterate over more than one variable"),
                    );
                }
                for index in 0..*count {
                    if !round(self, Value::Int(*kind, index), Value::Int(*kind, index))? {
                        break;
                    }
                }
            }
            Value::Object(object) => match object.entries() {
                Some(entries) => {
                    for (key, item) in entries {
                        if !round(self, key, item)? {
                            break;
                        }
                    }
                }
                None => {
                    return self
                        .refuse_pipeline(pipeline, format!("range can't iterate over {}", object.text()));
                }
            },
            Value::Bool(_) | Value::Float(_) | Value::Text(_) => {
                let shown = format::display(&value, 4096).unwrap_or_default();
                let shown = String::from_utf8_lossy(&shown).into_owned();
                return self.refuse_pipeline(pipeline, format!("range can't iterate over {shown}"));
            }
        }
        self.variables.truncate(scope);
        if rounds == 0 {
            return self.body(dot, &range.otherwise);
        }
        Ok(Flow::On)
    }
}
