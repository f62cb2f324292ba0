//! A duration as people write it in settings: `90s`, `30m`, `24h`, `1h 30m`.

use std::{str::FromStr, time::Duration};

use jiff::SignedDuration;

/// The shortest that any setting may be: none of them means anything below.
const SHORTEST: Duration = Duration::from_secs(1);

/// A duration of a setting, of one second or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Span(pub(crate) Duration);

/// A text that is no such duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration of a second or more: write it like `90s`, `30m` or `24h`")]
pub(crate) struct InvalidSpan(String);

impl FromStr for Span {
    type Err = InvalidSpan;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidSpan(text.chars().take(60).collect());
        let signed: SignedDuration = text.trim().parse().map_err(|_| invalid())?;
        let duration = Duration::try_from(signed).map_err(|_| invalid())?;
        if duration < SHORTEST { Err(invalid()) } else { Ok(Self(duration)) }
    }
}

impl TryFrom<String> for Span {
    type Error = InvalidSpan;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        let read = |text: &str| text.parse::<Span>().map(|span| span.0.as_secs()).ok();
        let rows = [
            ("90s", Some(90)),
            ("30m", Some(1800)),
            ("24h", Some(86_400)),
            ("1h 30m", Some(5400)),
            ("0s", None),
            ("10ms", None),
            ("-5m", None),
            ("30", None),
            ("soon", None),
            ("", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(read(text), seconds, "{text}");
        }
    }
}
