//! A recorded life as a text: one line for each deed, with what was chosen in it.
//!
//! `at 2000 drain: idle=500` is done at that time. A line without a time says how something ends up that the client does:
//! `client 1 connect 4: there=20 fate=cut at=2+340`. A reader may be told when it takes an event, here that of /a/1
//! published at 1200: `reader 3 event /a/1@1200: taken=4000`. Lines with `#` are for people, `ignored: why` leaves the
//! record out unless it is asked for.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Option<u64>,
    pub what: String,
    pub values: Vec<(String, String)>,
}

#[derive(Clone, Debug, Default)]
pub struct Record {
    pub comments: Vec<String>,
    pub ignored: Option<String>,
    pub lines: Vec<Line>,
}

impl Record {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record = Self::default();
        for (number, line) in text.lines().enumerate() {
            if let Some(comment) = line.strip_prefix('#') {
                record.comments.push(comment.trim().to_owned());
            } else if let Some(reason) = line.strip_prefix("ignored: ") {
                record.ignored = Some(reason.to_owned());
            } else if !line.trim().is_empty() {
                let line = Line::parse(line).ok_or(format!("line {}: {line}", number + 1))?;
                record.lines.push(line);
            }
        }
        Ok(record)
    }
}

impl Line {
    /// Those that come after this client are one less.
    pub fn without_client(&mut self, gone: u32) {
        let Some((number, rest)) =
            self.what.strip_prefix("client ").and_then(|rest| rest.split_once(' ').or(Some((rest, ""))))
        else {
            return;
        };
        if let Some(number) = number.parse::<u32>().ok().filter(|number| *number > gone) {
            self.what = format!("client {} {rest}", number - 1).trim_end().to_owned();
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (what, values) = line.split_once(": ").unwrap_or((line, ""));
        let values = values.split_whitespace().map(|word| word.split_once('='));
        let values = values.map(|pair| pair.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let values = values.collect::<Option<_>>()?;
        let Some(timed) = what.strip_prefix("at ") else {
            return Some(Self { at: None, what: what.to_owned(), values });
        };
        let (at, what) = timed.split_once(' ')?;
        Some(Self { at: Some(at.parse().ok()?), what: what.to_owned(), values })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "at {at} ")?;
        }
        f.write_str(&self.what)?;
        let values: Vec<String> = self.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !values.is_empty() {
            write!(f, ": {}", values.join(" "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.comments.iter().try_for_each(|comment| writeln!(f, "# {comment}"))?;
        self.ignored.iter().try_for_each(|reason| writeln!(f, "ignored: {reason}"))?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
