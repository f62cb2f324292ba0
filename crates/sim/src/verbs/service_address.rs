//! Addresses and ports of Services.

use serde_json::{Value, json};

use crate::{
    defaults,
    resource::Resource,
    store::State,
    value::{list, set, text},
};

/// Gives a Service what it does not name itself.
pub(super) fn allocate(state: &mut State, resource: &Resource, object: &mut Value) {
    if !resource.is("", "services") {
        return;
    }
    let kind = text(object, "/spec/type").to_owned();
    if kind == "ExternalName" {
        return;
    }
    if text(object, "/spec/clusterIP").is_empty() {
        state.addresses += 1;
        let number = state.addresses;
        let address = format!("10.{}.{}.{}", 96 + (number >> 16) % 16, (number >> 8) % 256, number % 256);
        set(object, &["spec", "clusterIP"], address);
    }
    let address = text(object, "/spec/clusterIP").to_owned();
    set(object, &["spec", "clusterIPs"], json!([address]));
    if defaults::needs_node_ports(object) {
        let mut ports = object.pointer("/spec/ports").cloned().unwrap_or_default();
        for port in ports.as_array_mut().into_iter().flatten() {
            state.addresses += 1;
            let number = 30000 + state.addresses % 2768;
            crate::value::default(port, "nodePort", number);
        }
        set(object, &["spec", "ports"], ports);
    }
}

/// Keeps what the Service has, where the new form does not speak of it.
pub(super) fn keep(live: &Value, object: &mut Value) {
    if text(object, "/spec/type") == "ExternalName" || text(live, "/spec/type") == "ExternalName" {
        return;
    }
    for key in ["clusterIP", "clusterIPs"] {
        if object.pointer(&format!("/spec/{key}")).is_none()
            && let Some(value) = live.pointer(&format!("/spec/{key}"))
        {
            set(object, &["spec", key], value.clone());
        }
    }
    let had = list(live, "/spec/ports").to_vec();
    let typed = text(object, "/spec/type").to_owned();
    if matches!(typed.as_str(), "NodePort" | "LoadBalancer") {
        for port in object.pointer_mut("/spec/ports").and_then(Value::as_array_mut).into_iter().flatten() {
            let before = had.iter().find(|old| old.get("port") == port.get("port"));
            if let Some(number) = before.and_then(|old| old.get("nodePort")) {
                crate::value::default(port, "nodePort", number.clone());
            }
        }
    }
}
