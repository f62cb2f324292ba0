//! What templates of a chart see as `.`.
//!
//! *Idea.* Each chart of a tree has one root mapping, shared by all its templates: what one of them sets there, the next
//! finds. The values of a subchart are the mapping below its name in its parent's values.

use std::rc::Rc;

use super::{ChartRelease, ChartType, Dependency, Maintainer, Metadata, coalesce::table, tree::Node};
use crate::{
    functions,
    template::{FactReader, List, ListType, Map, MapType, Object, Value},
};

/// The root mapping of a chart, and those of the charts below it.
#[derive(Debug)]
pub(super) struct Roots {
    pub(super) dot: Map,
    pub(super) children: Vec<Self>,
}

/// The parts that all charts of a tree share.
#[derive(Debug)]
pub(super) struct Shared {
    release: Value,
    capabilities: Value,
}

impl Shared {
    pub(super) fn new(release: &ChartRelease, facts: Rc<dyn FactReader>) -> Self {
        let release = Value::map([
            ("Name", Value::from(release.name.as_str())),
            ("Namespace", Value::from(release.namespace.as_str())),
            ("IsInstall", Value::Bool(!release.is_upgrade)),
            ("IsUpgrade", Value::Bool(release.is_upgrade)),
            ("Revision", Value::int(release.revision)),
            ("Service", Value::from(release.service.as_str())),
        ]);
        Self { release, capabilities: functions::objects::capabilities(facts) }
    }

    /// The roots of a tree. `values` are those of the outermost chart, everything filled in.
    pub(super) fn roots(&self, node: &Node<'_>, values: &Map) -> Roots {
        self.at(node, values.seen_as(MapType::Values), true)
    }

    fn at(&self, node: &Node<'_>, values: Map, is_root: bool) -> Roots {
        let subcharts = Map::empty();
        let mut children = Vec::with_capacity(node.children.len());
        for child in &node.children {
            // A name with a dot is looked up as a path, and so finds nothing, as in Helm.
            let own = table(&values, &child.name).unwrap_or_else(Map::empty).seen_as(MapType::Values);
            let roots = self.at(child, own, false);
            subcharts.set(child.name.as_str(), Value::Map(roots.dot.seen_as(MapType::Interface)));
            children.push(roots);
        }
        let about = Rc::new(About::new(node, is_root));
        let entries = [
            ("Chart", Value::Object(about)),
            ("Files", functions::objects::files(node.chart.files.clone())),
            ("Release", self.release.clone()),
            ("Capabilities", self.capabilities.clone()),
            ("Values", Value::Map(values)),
            ("Subcharts", Value::Map(subcharts)),
        ];
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Roots { dot: Map::new(MapType::Values, entries), children }
    }
}

/// `.Template` of one file.
pub(super) fn template(name: &str, base: &str) -> Value {
    let entries = [("Name", Value::from(name)), ("BasePath", Value::from(base))];
    Value::Map(Map::new(
        MapType::Values,
        entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
    ))
}

/// `.Chart`
#[derive(Debug, Clone)]
struct About {
    name: String,
    metadata: Metadata,
    dependencies: Vec<Dependency>,
    is_root: bool,
}

impl About {
    fn new(node: &Node<'_>, is_root: bool) -> Self {
        Self {
            name: node.name.clone(),
            metadata: node.chart.metadata.clone(),
            dependencies: node.declared.clone().unwrap_or_default(),
            is_root,
        }
    }

    /// The fields with their names in templates and in YAML.
    fn fields(&self) -> Vec<(&'static str, &'static str, Value)> {
        let own = &self.metadata;
        let maintainers = own.maintainers.iter().map(|own| Value::Object(Rc::new(own.clone())));
        let dependencies = self.dependencies.iter().map(|own| Value::Object(Rc::new(own.clone())));
        let annotations =
            own.annotations.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into()));
        vec![
            ("Name", "name", self.name.as_str().into()),
            ("Home", "home", own.home.as_str().into()),
            ("Sources", "sources", texts(&own.sources)),
            ("Version", "version", own.version.as_str().into()),
            ("Description", "description", own.description.as_str().into()),
            ("Keywords", "keywords", texts(&own.keywords)),
            ("Maintainers", "maintainers", Value::list(maintainers.collect())),
            ("Icon", "icon", own.icon.as_str().into()),
            ("APIVersion", "apiVersion", own.api_version.as_str().into()),
            ("Condition", "condition", own.condition.as_str().into()),
            ("Tags", "tags", own.tags.as_str().into()),
            ("AppVersion", "appVersion", own.app_version.as_str().into()),
            ("Deprecated", "deprecated", own.deprecated.into()),
            ("Annotations", "annotations", Value::Map(Map::new(MapType::String, annotations.collect()))),
            ("KubeVersion", "kubeVersion", own.kube_version.as_str().into()),
            ("Dependencies", "dependencies", Value::list(dependencies.collect())),
            ("Type", "type", own.kind_text.as_str().into()),
        ]
    }
}

impl Object for About {
    fn type_name(&self) -> &'static str {
        "struct { chart.Metadata; IsRoot bool }"
    }

    fn field(&self, name: &str) -> Option<Value> {
        if name == "IsRoot" {
            return Some(Value::Bool(self.is_root));
        }
        if name == "Metadata" {
            return Some(Value::Object(Rc::new(self.clone())));
        }
        self.fields().into_iter().find(|(own, ..)| *own == name).map(|(_, _, value)| value)
    }

    fn text(&self) -> String {
        let shown = self.fields().into_iter().map(|(_, _, value)| shown(&value));
        format!("{{{{{}}} {}}}", shown.collect::<Vec<_>>().join(" "), self.is_root)
    }

    fn encoded(&self) -> Value {
        let encoded = encoded(self.fields());
        if let Value::Map(map) = &encoded {
            map.set("IsRoot", Value::Bool(self.is_root));
        }
        encoded
    }

    fn truth(&self) -> bool {
        true
    }
}

fn texts(texts: &[String]) -> Value {
    Value::texts(texts.iter().map(String::as_str))
}

/// Fields as encoders see them: what is empty is left out.
fn encoded(fields: Vec<(&'static str, &'static str, Value)>) -> Value {
    let fields = fields.into_iter().filter(|(_, _, value)| value.truth());
    Value::map(fields.map(|(_, key, value)| (key, value)))
}

fn shown(value: &Value) -> String {
    // Metadata is small; what is not has been bounded when it was read.
    let text = crate::template::format::display(value, 1 << 20).unwrap_or_default();
    String::from_utf8_lossy(&text).into_owned()
}

impl Maintainer {
    fn fields(&self) -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("Name", "name", self.name.as_str().into()),
            ("Email", "email", self.email.as_str().into()),
            ("URL", "url", self.url.as_str().into()),
        ]
    }
}

impl Object for Maintainer {
    fn type_name(&self) -> &'static str {
        "*chart.Maintainer"
    }

    fn kind_name(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(own, ..)| *own == name).map(|(_, _, value)| value)
    }

    fn text(&self) -> String {
        format!("&{{{} {} {}}}", self.name, self.email, self.url)
    }

    fn encoded(&self) -> Value {
        encoded(self.fields())
    }

    fn truth(&self) -> bool {
        true
    }
}

impl Dependency {
    fn fields(&self) -> Vec<(&'static str, &'static str, Value)> {
        let import = |own: &super::ImportValues| {
            Value::map(
                [("child", own.child.as_str()), ("parent", own.parent.as_str())].map(|(k, v)| (k, v.into())),
            )
        };
        let imports: Vec<Value> = self.import_values.iter().map(import).collect();
        vec![
            ("Name", "name", self.name.as_str().into()),
            ("Version", "version", self.version.as_str().into()),
            ("Repository", "repository", self.repository.as_str().into()),
            ("Condition", "condition", self.condition.as_str().into()),
            ("Tags", "tags", texts(&self.tags)),
            ("Enabled", "enabled", Value::Bool(true)),
            ("ImportValues", "import-values", Value::List(List::new(ListType::Interface, imports))),
            ("Alias", "alias", self.alias.as_str().into()),
        ]
    }
}

impl Object for Dependency {
    fn type_name(&self) -> &'static str {
        "*chart.Dependency"
    }

    fn kind_name(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields().into_iter().find(|(own, ..)| *own == name).map(|(_, _, value)| value)
    }

    fn text(&self) -> String {
        let shown = self.fields().into_iter().map(|(_, _, value)| shown(&value));
        format!("&{{{}}}", shown.collect::<Vec<_>>().join(" "))
    }

    fn encoded(&self) -> Value {
        let encoded = encoded(self.fields());
        if let Value::Map(map) = &encoded
            && self.repository.is_empty()
        {
            // The one field that is written though empty.
            map.set("repository", Value::from(""));
        }
        encoded
    }

    fn truth(&self) -> bool {
        true
    }
}

/// Whether a template of a chart counts: of a library only what others include.
pub(super) fn is_executable(metadata: &Metadata, path: &str) -> bool {
    metadata.kind == ChartType::Application || is_partial(path)
}

/// Whether a template is never executed by itself.
pub(super) fn is_partial(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with('_'))
}
