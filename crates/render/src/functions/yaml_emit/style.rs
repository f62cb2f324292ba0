//! Which form a text is written in: plain, quoted, a literal block.

use super::resolution::reads_as_text;

#[derive(PartialEq, Clone, Copy)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// The first style that the text can be written in, of the one that fits it best and those below.
pub(super) fn style_of(text: &str, is_key: bool) -> Style {
    let shape = Shape::of(text);
    if text.contains('\n') {
        return if shape.literal && !is_key { Style::Literal } else { Style::Double };
    }
    if text.is_empty() || !reads_as_text(text) {
        return Style::Double;
    }
    if shape.plain {
        Style::Plain
    } else if shape.single && !(is_key && shape.breaks) {
        Style::Single
    } else {
        Style::Double
    }
}

/// In which styles a text can be written without changing.
struct Shape {
    plain: bool,
    single: bool,
    literal: bool,
    breaks: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let blank = |character: Option<&char>| {
            character.is_none_or(|character| matches!(character, ' ' | '\t' | '\0') || is_break(*character))
        };
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let mut special = false;
        let mut breaks = false;
        let mut break_space = false;
        let mut space_break = false;
        for (index, character) in characters.iter().enumerate() {
            let next = characters.get(index + 1);
            let former = index.checked_sub(1).and_then(|index| characters.get(index));
            indicators |= match character {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@'
                | '`'
                    if index == 0 =>
                {
                    true
                }
                '?' | '-' if index == 0 => blank(next),
                ':' => blank(next),
                '#' => blank(former),
                _ => false,
            };
            special |= !is_printable(*character);
            breaks |= is_break(*character);
            match former {
                Some(former) if is_break(*former) && *character == ' ' => break_space = true,
                Some(' ') if is_break(*character) => space_break = true,
                _ => {}
            }
        }
        let edge = |character: Option<&char>| {
            character.is_some_and(|character| *character == ' ' || is_break(*character))
        };
        let at_edges = edge(characters.first()) || edge(characters.last());
        let broken = space_break || special;
        Self {
            plain: !(indicators || broken || breaks || at_edges || break_space),
            single: !(broken || break_space),
            literal: !broken && characters.last() != Some(&' '),
            breaks,
        }
    }
}

pub(super) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What may stand in YAML unescaped. Signs beyond the basic plane may, by the standard, but this form escapes them.
pub(super) fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}
