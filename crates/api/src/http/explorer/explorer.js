"use strict";

const byId = (id) => document.getElementById(id);
const [operation, variables, answer, token, status] =
  ["operation", "variables", "answer", "token", "status"].map(byId);

const EXAMPLE = `query Clusters {
  viewer { principal roles { project role } }
  clusters(first: 10) {
    nodes {
      name
      state
      applied { attachments { profile version revision } }
    }
    totalCount
  }
}
`;
operation.value = EXAMPLE;

const say = (text) => { status.textContent = text; };

const authorization = () => (token.value.trim() ? `Bearer ${token.value.trim()}` : undefined);

function request() {
  const text = variables.value.trim();
  return { query: operation.value, variables: text ? JSON.parse(text) : {} };
}

async function post(body) {
  const headers = { "content-type": "application/json" };
  if (authorization()) headers.authorization = authorization();
  const response = await fetch("/graphql", { method: "POST", headers, body: JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

let socket = null;

function stop() {
  if (socket) socket.close(1000);
  socket = null;
  byId("stop").hidden = true;
}

function subscribe(body) {
  stop();
  answer.textContent = "";
  const address = new URL("/graphql/ws", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  const own = new WebSocket(address, "graphql-transport-ws");
  socket = own;
  byId("stop").hidden = false;
  const send = (message) => own.send(JSON.stringify(message));
  own.onopen = () => send({ type: "connection_init", payload: { Authorization: authorization() } });
  own.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "connection_ack") send({ id: "1", type: "subscribe", payload: body });
    if (message.type === "ping") send({ type: "pong" });
    if (message.type === "next" || message.type === "error") {
      answer.textContent += `${JSON.stringify(message.payload, null, 2)}\n\n`;
      answer.scrollTop = answer.scrollHeight;
    }
    if (message.type === "complete") { say("complete"); stop(); }
  };
  own.onclose = (event) => { if (socket === own) { say(`closed: ${event.code} ${event.reason}`); stop(); } };
  say("following …");
}

async function run() {
  let body;
  try {
    body = request();
  } catch (error) {
    say(`the variables are no JSON: ${error.message}`);
    return;
  }
  const isSubscription = /^\s*(#[^\n]*\n\s*)*subscription\b/.test(body.query);
  if (isSubscription) { subscribe(body); return; }
  say("…");
  const started = performance.now();
  try {
    const { status: code, body: result } = await post(body);
    answer.textContent = JSON.stringify(result, null, 2);
    say(`${code}, ${Math.round(performance.now() - started)} ms`);
  } catch (error) {
    say(`no answer: ${error.message}`);
  }
}

byId("run").addEventListener("click", run);
byId("stop").addEventListener("click", stop);
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
});

// The documentation: what the schema says of itself.

const TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { name kind } } } }";
const INTROSPECTION = `query Documentation {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name description
      fields(includeDeprecated: true) { name description args { name description defaultValue type { ${TYPE} } } type { ${TYPE} } }
      inputFields { name description defaultValue type { ${TYPE} } }
      enumValues(includeDeprecated: true) { name description }
      interfaces { name } possibleTypes { name }
    }
  }
}`;

let types = new Map();
let roots = [];

function typeText(type) {
  if (type.kind === "NON_NULL") return `${typeText(type.ofType)}!`;
  if (type.kind === "LIST") return `[${typeText(type.ofType)}]`;
  return type.name;
}

function typeName(type) {
  return type.ofType ? typeName(type.ofType) : type.name;
}

function element(tag, text, children = []) {
  const made = document.createElement(tag);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function link(text, name) {
  const made = element("button", text);
  made.type = "button";
  made.addEventListener("click", () => show(name));
  return made;
}

function entry(item) {
  const term = element("dt", item.name);
  if (item.args && item.args.length) {
    term.append("(");
    item.args.forEach((argument, index) => {
      if (index) term.append(", ");
      term.append(`${argument.name}: `, link(typeText(argument.type), typeName(argument.type)));
      term.lastChild.title = argument.description || "";
    });
    term.append(")");
  }
  if (item.type) term.append(": ", link(typeText(item.type), typeName(item.type)));
  if (item.defaultValue) term.append(` = ${item.defaultValue}`);
  return [term, element("dd", item.description || "")];
}

function show(name) {
  const type = types.get(name);
  if (!type) return;
  const documentation = byId("documentation");
  const list = element("dl", "", [...(type.fields || []), ...(type.inputFields || []), ...(type.enumValues || [])].flatMap(entry));
  const more = [...(type.interfaces || []), ...(type.possibleTypes || [])].map((other) => link(other.name, other.name));
  documentation.replaceChildren(element("h2", `${type.name} (${type.kind.toLowerCase().replaceAll("_", " ")})`), element("p", type.description || ""), ...more, list);
  documentation.scrollTop = 0;
}

function search(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) { show(roots[0]); return; }
  const hits = [];
  for (const type of types.values()) {
    if (type.name.toLowerCase().includes(wanted)) hits.push(element("dt", "", [link(type.name, type.name)]));
    for (const field of type.fields || []) {
      if (field.name.toLowerCase().includes(wanted)) hits.push(element("dt", "", [link(`${type.name}.${field.name}`, type.name)]));
    }
  }
  byId("documentation").replaceChildren(element("dl", "", hits.slice(0, 200)));
}

byId("load").addEventListener("click", async () => {
  try {
    const { body } = await post({ query: INTROSPECTION });
    if (!body.data) { answer.textContent = JSON.stringify(body, null, 2); say("no documentation"); return; }
    const schema = body.data.__schema;
    types = new Map(schema.types.filter((type) => !type.name.startsWith("__")).map((type) => [type.name, type]));
    roots = [schema.queryType, schema.mutationType, schema.subscriptionType].map((type) => type.name);
    byId("trail").replaceChildren(...roots.flatMap((name, index) => [index ? " · " : "", link(name, name)]));
    byId("search").disabled = false;
    show(roots[0]);
    say("documentation loaded");
  } catch (error) {
    say(`no answer: ${error.message}`);
  }
});

byId("search").addEventListener("input", (event) => search(event.target.value));
