//! Texts in each form, long ones folded.

use std::borrow::Cow;

use super::{
    Emitter, Place,
    style::{Style, is_break, is_printable, style_of},
};

impl Emitter {
    pub(super) fn text(&mut self, text: &str, place: Place) {
        let text = &without_next_lines(text);
        match style_of(text, false) {
            Style::Plain => {
                self.gap(place);
                self.plain(text, place.scalar_indent);
            }
            Style::Single => {
                self.gap(place);
                self.single(text, true, place.scalar_indent);
            }
            Style::Double => {
                self.gap(place);
                self.double(text, true, place.scalar_indent);
            }
            Style::Literal => {
                self.gap(place);
                self.literal(text, place.scalar_indent);
            }
        }
    }

    /// Whether a space may become a line break.
    fn folds(&self, allowed: bool, former: Option<char>, next: Option<char>) -> bool {
        allowed && self.column > self.width && former != Some(' ') && next.is_some_and(|next| next != ' ')
    }

    fn plain(&mut self, text: &str, indent: usize) {
        let mut characters = text.chars().peekable();
        let mut former = None;
        while let Some(character) = characters.next() {
            if character == ' ' && self.folds(true, former, characters.peek().copied()) {
                self.new_line(indent);
            } else {
                self.out.push(character);
                self.column += 1;
            }
            former = Some(character);
        }
    }

    pub(super) fn single(&mut self, text: &str, fold: bool, indent: usize) {
        self.put("'");
        let mut characters = text.chars().peekable();
        let mut former = None;
        let mut after_break = false;
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            if character == ' ' && former.is_some() && self.folds(fold, former, next) {
                self.new_line(indent);
            } else if is_break(character) {
                // A break that a reader must not take for a space; only signs that are no newlines come here.
                self.out.push(character);
                self.column = 0;
                after_break = true;
            } else {
                if std::mem::take(&mut after_break) {
                    self.put(&" ".repeat(indent));
                }
                if character == '\'' {
                    self.put("''");
                } else {
                    self.put(character.encode_utf8(&mut [0; 4]));
                }
            }
            former = Some(character);
        }
        self.put("'");
    }

    pub(super) fn double(&mut self, text: &str, fold: bool, indent: usize) {
        self.put("\"");
        let mut characters = text.chars().peekable();
        let mut first = true;
        let mut after_space = false;
        while let Some(character) = characters.next() {
            let next = characters.peek().copied();
            if character == ' '
                && fold
                && !after_space
                && self.column > self.width
                && !first
                && next.is_some()
            {
                self.new_line(indent);
                if next == Some(' ') {
                    self.put("\\");
                }
                after_space = true;
            } else {
                self.escaped(character);
                after_space = character == ' ';
            }
            first = false;
        }
        self.put("\"");
    }

    fn escaped(&mut self, character: char) {
        let code = u32::from(character);
        let simple = match character {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\0' => "\\0",
            '\u{7}' => "\\a",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{b}' => "\\v",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            '\u{1b}' => "\\e",
            '\u{85}' => "\\N",
            '\u{2028}' => "\\L",
            '\u{2029}' => "\\P",
            _ => "",
        };
        if !simple.is_empty() {
            self.put(simple);
        } else if is_printable(character) && character != '\u{feff}' {
            self.out.push(character);
            self.column += 1;
        } else if code <= 0xff {
            self.put(&format!("\\x{code:02X}"));
        } else if code <= 0xffff {
            self.put(&format!("\\u{code:04X}"));
        } else {
            self.put(&format!("\\U{code:08X}"));
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) || text.starts_with(is_break) {
            self.put("2");
        }
        let mut backwards = text.chars().rev();
        match (backwards.next(), backwards.next()) {
            (Some(last), _) if !is_break(last) => self.put("-"),
            (Some(_), None) => self.put("+"),
            (Some(_), Some(before)) if is_break(before) => self.put("+"),
            _ => {}
        }
        self.out.push('\n');
        let mut at_start = true;
        for character in text.chars() {
            if is_break(character) {
                self.out.push(character);
                at_start = true;
            } else {
                if std::mem::take(&mut at_start) {
                    self.out.push_str(&" ".repeat(indent));
                }
                self.out.push(character);
            }
        }
        // The next entry begins a line of its own: give back the break that it will write.
        if text.ends_with('\n') {
            self.out.pop();
        }
        self.column = self.width;
    }
}

/// Go passes texts through JSON, where U+0085 stands bare and is read again as a line break in quotes: one becomes a
/// space, of several each but the first a newline, and blanks around them go.
fn without_next_lines(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{85}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut breaks = 0_usize;
    for (index, part) in text.split('\u{85}').enumerate() {
        breaks += usize::from(index > 0);
        let part = if index > 0 { part.trim_start_matches([' ', '\t']) } else { part };
        if part.is_empty() && index > 0 {
            continue;
        }
        join_lines(&mut out, std::mem::take(&mut breaks));
        out.push_str(part);
    }
    join_lines(&mut out, breaks);
    Cow::Owned(out)
}

fn join_lines(out: &mut String, breaks: usize) {
    if breaks > 0 {
        out.truncate(out.trim_end_matches([' ', '\t']).len());
        out.push_str(&if breaks == 1 { " ".to_owned() } else { "\n".repeat(breaks - 1) });
    }
}
