//! `strata token …`

use serde_json::{Value, json};

use super::Outcome;
use crate::{
    arguments::TokenCommand,
    client::Client,
    exit::Code,
    operations,
    output::{Output, tell},
};

pub(super) async fn run(client: &Client, output: &Output, command: TokenCommand) -> Outcome {
    match command {
        TokenCommand::Principal { name, service_account } => {
            let kind = if service_account { "SERVICE_ACCOUNT" } else { "PERSON" };
            let input = json!({ "name": name, "kind": kind });
            let payload = client.mutate(operations::PRINCIPAL_CREATE, "createPrincipal", input).await?;
            output.record(
                payload.get("principal").unwrap_or(&Value::Null),
                &[("name", "/name"), ("kind", "/kind")],
            );
        }
        TokenCommand::Grant { principal, role } => {
            let input = json!({ "principal": principal, "role": role.to_uppercase() });
            let payload = client.mutate(operations::ROLE_GRANT, "grantRole", input).await?;
            output.record(
                payload.get("principal").unwrap_or(&Value::Null),
                &[("name", "/name"), ("roles", "/roles")],
            );
        }
        TokenCommand::Create { principal, name, expires_at } => {
            let input = json!({ "principal": principal, "name": name, "expiresAt": expires_at });
            let payload = client.mutate(operations::TOKEN_CREATE, "createToken", input).await?;
            let lines = [
                ("id", "/token/id"),
                ("principal", "/token/principal"),
                ("expires", "/token/expiresAt"),
                ("token", "/secret"),
            ];
            output.record(&payload, &lines);
            if output.is_for_people() {
                tell!("This is the only time that the token is shown.");
            }
        }
        TokenCommand::List => {
            let rows = client.all(operations::TOKEN_LIST, json!({}), "/tokens").await?;
            let columns = [
                ("ID", "/id"),
                ("NAME", "/name"),
                ("PRINCIPAL", "/principal"),
                ("PREFIX", "/prefix"),
                ("CREATED", "/createdAt"),
                ("EXPIRES", "/expiresAt"),
                ("REVOKED", "/revokedAt"),
            ];
            output.rows(&rows, &columns, "There are no tokens.");
        }
        TokenCommand::Revoke { id } => {
            let payload = client.mutate(operations::TOKEN_REVOKE, "revokeToken", json!({ "id": id })).await?;
            output.record(
                payload.get("token").unwrap_or(&Value::Null),
                &[("id", "/id"), ("revoked", "/revokedAt")],
            );
        }
    }
    Ok(Code::Ok)
}
