//! Lists and maps.
//!
//! *Guarantees.* No borrow of a map's interior leaves this module, so nothing a template does can make one fail. Dropping
//! a list or map needs no stack, however deep it is nested.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use super::{ListType, MapType, Text, Value};

/// A list; never changes.
#[derive(Clone)]
pub struct List(Rc<ListData>);

struct ListData {
    kind: ListType,
    items: Vec<Value>,
}

impl Drop for ListData {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.items));
    }
}

impl List {
    /// A list of a type; the caller sees to it that the items are of it.
    #[must_use]
    pub fn new(kind: ListType, items: Vec<Value>) -> Self {
        Self(Rc::new(ListData { kind, items }))
    }

    /// Its type.
    #[must_use]
    pub fn kind(&self) -> ListType {
        self.0.kind
    }

    /// Its items.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.0.items
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "list of {}", self.items().len())
    }
}

/// A map with text keys, sorted by bytes; clones are aliases. Aliases may differ in the type that they show.
#[derive(Clone)]
pub struct Map {
    kind: MapType,
    data: Rc<MapData>,
}

struct MapData {
    entries: RefCell<BTreeMap<Text, Value>>,
}

impl Drop for MapData {
    fn drop(&mut self) {
        release(std::mem::take(self.entries.get_mut()).into_values().collect());
    }
}

impl Map {
    /// A map of a type.
    #[must_use]
    pub fn new(kind: MapType, entries: BTreeMap<Text, Value>) -> Self {
        Self { kind, data: Rc::new(MapData { entries: RefCell::new(entries) }) }
    }

    /// An empty `map[string]interface {}`.
    #[must_use]
    pub fn empty() -> Self {
        Self::new(MapType::Interface, BTreeMap::new())
    }

    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> MapType {
        self.kind
    }

    /// An alias that shows another type.
    #[must_use]
    pub fn seen_as(&self, kind: MapType) -> Self {
        Self { kind, data: Rc::clone(&self.data) }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<Value> {
        self.data.entries.borrow().get(key).cloned()
    }

    /// Whether the key is there, be it with a nil.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        self.data.entries.borrow().contains_key(key)
    }

    /// Sets a key, for all aliases.
    pub fn set(&self, key: impl Into<Text>, value: Value) {
        let former = self.data.entries.borrow_mut().insert(key.into(), value);
        drop(former);
    }

    /// Removes a key, for all aliases.
    pub fn remove(&self, key: &[u8]) {
        let former = self.data.entries.borrow_mut().remove(key);
        drop(former);
    }

    /// Removes all keys, for all aliases.
    pub fn clear(&self) {
        let former = std::mem::take(&mut *self.data.entries.borrow_mut());
        drop(former);
    }

    /// The entries as they are now, sorted by key.
    #[must_use]
    pub fn entries(&self) -> Vec<(Text, Value)> {
        self.data.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.entries.borrow().len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are one and the same map.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.data, &other.data)
    }

    /// Stands for the map's identity.
    pub(crate) fn address(&self) -> usize {
        Rc::as_ptr(&self.data).addr()
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map of {}", self.len())
    }
}

/// Frees values one after the other instead of one inside the other, so that depth costs no stack.
fn release(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::List(List(data)) => {
                if let Ok(mut data) = Rc::try_unwrap(data) {
                    values.append(&mut data.items);
                }
            }
            Value::Map(Map { data, .. }) => {
                if let Ok(mut data) = Rc::try_unwrap(data) {
                    values.extend(std::mem::take(data.entries.get_mut()).into_values());
                }
            }
            _ => {}
        }
    }
}
