//! Lengths of time: `1h30m`.

/// Nanoseconds of a text such as `1h30m` or `-1.5s`.
pub(super) fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0_i128;
    let mut parts = 0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|length| *length > 0)?;
        let (digits, tail) = rest.split_at_checked(number)?;
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let whole: i128 = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()?.into() };
        let fraction: String = fraction.chars().take(15).collect();
        let parsed: i128 = if fraction.is_empty() { 0 } else { fraction.parse::<u64>().ok()?.into() };
        let divisor = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        total = total.checked_add(whole.checked_mul(scale)?.checked_add(parsed * scale / divisor)?)?;
        rest = tail;
        parts += 1;
    }
    (parts > 0 && total <= i128::from(i64::MAX)).then_some(if negative { -total } else { total })
}

/// `1h30m0s`, as Go writes durations.
pub(super) fn duration(nanoseconds: i128) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let fraction = |value: u128, unit: u128| {
        let rest = value % unit;
        if rest == 0 {
            return (value / unit).to_string();
        }
        let width = unit.ilog10();
        let digits = format!("{rest:0width$}", width = usize::try_from(width).unwrap_or(0));
        format!("{}.{}", value / unit, digits.trim_end_matches('0'))
    };
    if all == 0 {
        return "0s".to_owned();
    }
    let body = match all {
        0..1_000 => format!("{all}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(all, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(all, 1_000_000)),
        _ => {
            let seconds = fraction(all % 60_000_000_000, 1_000_000_000);
            let minutes = all / 60_000_000_000;
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{body}")
}

/// The largest unit alone: `2h`, `3d`, `1y`.
pub(super) fn rounded(nanoseconds: i128) -> String {
    const SECOND: u128 = 1_000_000_000;
    let all = nanoseconds.unsigned_abs();
    let units: [(u128, &str); 6] = [
        (31_536_000 * SECOND, "y"),
        (2_592_000 * SECOND, "mo"),
        (86_400 * SECOND, "d"),
        (3_600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    match units.iter().find(|(unit, _)| all > *unit) {
        Some((unit, letter)) => format!("{}{letter}", all / unit),
        None => "0s".to_owned(),
    }
}
