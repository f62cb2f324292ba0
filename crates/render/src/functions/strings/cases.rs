//! Upper and lower case, and words joined by either.

/// One character for one, as Go maps cases.
pub(super) fn upper(character: char) -> char {
    let mut mapped = character.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

pub(super) fn lower(character: char) -> char {
    let mut mapped = character.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ if character == '\u{130}' => 'i',
        _ => character,
    }
}

pub(super) fn map_characters(text: &[u8], map: fn(char) -> char) -> String {
    String::from_utf8_lossy(text).chars().map(map).collect()
}

/// First letters of words to title case; words are parted by what is no letter, digit, underscore or apostrophe-less sign.
pub(super) fn title(text: &str) -> String {
    let mut former = ' ';
    text.chars()
        .map(|character| {
            let starts = is_separator(former);
            former = character;
            if starts { upper(character) } else { character }
        })
        .collect()
}

fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    if character.is_alphanumeric() {
        return false;
    }
    character.is_whitespace()
}

pub(super) fn untitle(text: &str) -> String {
    let mut former = ' ';
    text.chars()
        .map(|character| {
            let starts = former.is_whitespace();
            former = character;
            if starts { lower(character) } else { character }
        })
        .collect()
}

pub(super) fn initials(text: &str) -> String {
    let mut former = ' ';
    let mut out = String::new();
    for character in text.chars() {
        if former.is_whitespace() && !character.is_whitespace() {
            out.push(character);
        }
        former = character;
    }
    out
}

/// Upper to lower; lower to title at the start of a word and to upper elsewhere.
pub(super) fn swap_case(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_uppercase() { lower(character) } else { upper(character) })
        .collect()
}

/// Parts words and joins them with a connector: `HTTPServer` is `http_server`, `http2xx` is `http_2xx`, `Bld4Floor` is
/// `bld4_floor`. Digits begin a word when small letters follow them; connectors stay one for one.
pub(super) fn snake(text: &str, connector: char) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut in_number = false;
    for (index, character) in characters.iter().enumerate() {
        let former = index.checked_sub(1).and_then(|index| characters.get(index)).copied();
        let next = characters.get(index + 1).copied();
        if is_connector(*character) {
            out.push(connector);
            in_number = false;
            continue;
        }
        let begins = if character.is_uppercase() {
            in_number = false;
            let after_small = former.is_some_and(|former| !former.is_uppercase());
            after_small || next.is_some_and(char::is_lowercase)
        } else if character.is_numeric() && !in_number && former.is_some_and(char::is_alphabetic) {
            let behind = characters.iter().skip(index).find(|c| !c.is_numeric());
            in_number = behind.is_some_and(|c| c.is_lowercase());
            in_number
        } else {
            in_number |= character.is_numeric() && former.is_none_or(is_connector);
            false
        };
        if begins && !out.is_empty() && !out.ends_with(connector) {
            out.push(connector);
        }
        out.extend(character.to_lowercase());
    }
    out
}

fn is_connector(character: char) -> bool {
    matches!(character, '_' | '-') || character.is_whitespace()
}

/// `some_words here` as `SomeWordsHere`; connectors at the ends stay.
pub(super) fn pascal(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut former = None;
    let mut in_words = false;
    for (index, character) in characters.iter().copied().enumerate() {
        if is_connector(character) {
            let parts_words = in_words && characters.get(index + 1).is_some_and(|next| !is_connector(*next));
            if !parts_words {
                out.push(character);
            }
        } else if former.is_none_or(is_connector) {
            out.push(upper(character));
            in_words = true;
        } else if former.is_some_and(char::is_uppercase) {
            out.push(lower(character));
        } else {
            out.push(character);
        }
        former = Some(character);
    }
    out
}
