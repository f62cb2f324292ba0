//! Layouts such as `2006-01-02`: their elements, and times written by them.

use jiff::Zoned;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The elements of a layout, longest first where one begins another.
const ELEMENTS: &[&str] = &[
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "-07:00:00",
    "-07:00",
    "-070000",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z07:00",
    "Z070000",
    "Z0700",
    "Z07",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "PM",
    "pm",
    "__2",
    "_2",
    "1",
    "2",
    "3",
    "4",
    "5",
];

/// The next element of a layout: the text before it, the element, the rest.
pub(super) fn next_element(layout: &str) -> Option<(&str, &str, &str)> {
    for (at, _) in layout.char_indices() {
        let rest = layout.get(at..)?;
        let fraction = rest.starts_with(['.', ',']).then(|| {
            let digit = rest.get(1..2).filter(|digit| *digit == "0" || *digit == "9")?;
            let run = rest.get(1..)?.chars().take_while(|c| digit.starts_with(*c)).count();
            let after = rest.as_bytes().get(1 + run);
            (!after.is_some_and(u8::is_ascii_digit)).then_some(run + 1)
        });
        let length = match fraction.flatten() {
            Some(length) => Some(length),
            None => ELEMENTS
                .iter()
                .find(|element| {
                    rest.starts_with(**element)
                        // "Jan" is no element when it begins another word in small letters.
                        && !(matches!(**element, "Jan" | "Mon") && rest.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase))
                })
                .map(|element| element.len()),
        };
        if let Some(length) = length {
            return Some((layout.get(..at)?, rest.get(..length)?, rest.get(length..)?));
        }
    }
    None
}

fn named(names: &'static [&'static str], index: i8) -> &'static str {
    usize::try_from(index).ok().and_then(|index| names.get(index)).copied().unwrap_or("")
}

pub(super) fn format(at: &Zoned, layout: &str) -> String {
    let mut out = String::new();
    let mut rest = layout;
    while let Some((before, element, after)) = next_element(rest) {
        out.push_str(before);
        out.push_str(&element_text(at, element));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn element_text(at: &Zoned, element: &str) -> String {
    let weekday = named(&DAYS, at.weekday().to_sunday_zero_offset());
    let month = named(&MONTHS, at.month() - 1);
    let hour12 = if at.hour() % 12 == 0 { 12 } else { at.hour() % 12 };
    match element {
        "January" => month.to_owned(),
        "Jan" => month.get(..3).unwrap_or_default().to_owned(),
        "Monday" => weekday.to_owned(),
        "Mon" => weekday.get(..3).unwrap_or_default().to_owned(),
        "2006" => format!("{:04}", at.year()),
        "06" => format!("{:02}", at.year().rem_euclid(100)),
        "01" => format!("{:02}", at.month()),
        "1" => at.month().to_string(),
        "02" => format!("{:02}", at.day()),
        "_2" => format!("{:2}", at.day()),
        "2" => at.day().to_string(),
        "002" => format!("{:03}", at.day_of_year()),
        "__2" => format!("{:3}", at.day_of_year()),
        "15" => format!("{:02}", at.hour()),
        "03" => format!("{hour12:02}"),
        "3" => hour12.to_string(),
        "04" => format!("{:02}", at.minute()),
        "4" => at.minute().to_string(),
        "05" => format!("{:02}", at.second()),
        "5" => at.second().to_string(),
        "PM" => if at.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        "pm" => if at.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        "MST" => match at.time_zone().to_offset_info(at.timestamp()).abbreviation() {
            abbreviation if !abbreviation.is_empty() => abbreviation.to_owned(),
            _ => "UTC".to_owned(),
        },
        _ if element.starts_with(['.', ',']) => {
            let digits = element.len() - 1;
            let all = format!("{:09}", at.subsec_nanosecond());
            let kept = all.get(..digits.min(9)).unwrap_or(&all);
            let kept = if element.contains('9') { kept.trim_end_matches('0') } else { kept };
            if kept.is_empty() { String::new() } else { format!("{}{kept}", element.get(..1).unwrap_or(".")) }
        }
        _ => offset_text(at.offset().seconds(), element),
    }
}

fn offset_text(seconds: i32, element: &str) -> String {
    if element.starts_with('Z') && seconds == 0 {
        return "Z".to_owned();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match element.get(1..).unwrap_or_default() {
        "07" => format!("{sign}{hours:02}"),
        "0700" => format!("{sign}{hours:02}{minutes:02}"),
        "07:00" => format!("{sign}{hours:02}:{minutes:02}"),
        "070000" => format!("{sign}{hours:02}{minutes:02}{rest:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}:{rest:02}"),
    }
}
