//! The URL of a server, into which a database can be put.

/// A URL taken apart at its database.
#[derive(Clone)]
pub(super) struct ServerUrl {
    pub(super) server: String,
    pub(super) database: String,
    pub(super) parameters: String,
}

impl std::fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The rest may hold a password.
        formatter.debug_struct("ServerUrl").field("database", &self.database).finish_non_exhaustive()
    }
}

impl ServerUrl {
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, parameters)) => (rest, format!("?{parameters}")),
            None => (rest, String::new()),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if !matches!(scheme, "postgres" | "postgresql") || authority.is_empty() {
            return None;
        }
        let database = if database.is_empty() { "postgres" } else { database };
        Some(Self { server: format!("{scheme}://{authority}"), database: database.to_owned(), parameters })
    }

    pub(super) fn with(&self, database: &str) -> String {
        format!("{}/{database}{}", self.server, self.parameters)
    }

    pub(super) fn own_database(&self) -> String {
        self.with(&self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_put_into_a_url() {
        let url = ServerUrl::parse("postgres://u:p@h:5432/mine?sslmode=disable").unwrap();
        assert_eq!(url.own_database(), "postgres://u:p@h:5432/mine?sslmode=disable");
        assert_eq!(url.with("other"), "postgres://u:p@h:5432/other?sslmode=disable");
        let bare = ServerUrl::parse("postgresql://h").unwrap();
        assert_eq!(bare.own_database(), "postgresql://h/postgres");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["h:5432/db", "sqlite://file", "postgres:///db"] {
            assert!(ServerUrl::parse(url).is_none(), "{url}");
        }
    }

    #[test]
    fn a_password_does_not_show() {
        let url = ServerUrl::parse("postgres://u:geheim@h/db").unwrap();
        assert!(!format!("{url:?}").contains("geheim"));
    }
}
