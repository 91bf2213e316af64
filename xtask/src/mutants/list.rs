//! The list of mutations, as `tests/simulation/mutants.txt` writes it.

use anyhow::{Context, Result, bail, ensure};

/// One way in which the core is broken.
#[derive(Debug, Default)]
pub struct Mutant {
    pub name: String,
    /// The rule of delivery that it breaks.
    pub rule: String,
    pub changes: Vec<Change>,
}

/// What is taken out of a function or constant, and what comes in its place.
#[derive(Debug, Default)]
pub struct Change {
    /// `function`, `CONSTANT`, `Type::function` or `<Type as Trait>::function`.
    pub anchor: String,
    pub old: String,
    pub new: String,
}

pub fn parse(text: &str) -> Result<Vec<Mutant>> {
    let mut mutants: Vec<Mutant> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        parse_line(line, &mut mutants).with_context(|| format!("line {} of the mutations", number + 1))?;
    }
    for Mutant { name, rule, changes } in &mutants {
        ensure!(!rule.is_empty(), "{name:?} names no rule");
        ensure!(!changes.is_empty(), "{name:?} changes nothing");
    }
    Ok(mutants)
}

fn parse_line(line: &str, mutants: &mut Vec<Mutant>) -> Result<()> {
    if let Some(name) = line.strip_prefix("mutation: ") {
        mutants.push(Mutant { name: name.to_owned(), ..Mutant::default() });
        return Ok(());
    }
    let mutant = mutants.last_mut().with_context(|| format!("before the first mutation: {line:?}"))?;
    if let Some(rule) = line.strip_prefix("rule: ") {
        mutant.rule = rule.to_owned();
        return Ok(());
    }
    if let Some(anchor) = line.strip_prefix("in: ") {
        mutant.changes.push(Change { anchor: anchor.to_owned(), ..Change::default() });
        return Ok(());
    }
    let change = mutant.changes.last_mut().with_context(|| format!("before the first `in:`: {line:?}"))?;
    let (side, text) = match line.split_at_checked(1) {
        Some(("-", text)) => (&mut change.old, text),
        Some(("+", text)) => (&mut change.new, text),
        _ => bail!("neither `mutation:`, `rule:`, `in:`, - nor +: {line:?}"),
    };
    side.push_str(text);
    side.push('\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutation_holds_its_rule_and_several_changes_of_several_lines() {
        let text = "# why\n\nmutation: m\nrule: S1\nin: f\n-a\n- b\n+c\nin: T::g\n-d\n\nmutation: n\nrule: S2\nin: h\n-e\n";
        let mutants = parse(text).expect("a list");
        let [first, second] = mutants.as_slice() else { panic!("two mutations: {mutants:?}") };
        assert_eq!((first.name.as_str(), first.rule.as_str(), first.changes.len()), ("m", "S1", 2));
        let Change { anchor, old, new } = &first.changes[0];
        assert_eq!((anchor.as_str(), old.as_str(), new.as_str()), ("f", "a\n b\n", "c\n"));
        assert_eq!(first.changes[1].anchor, "T::g");
        assert_eq!((second.name.as_str(), second.changes[0].new.as_str()), ("n", ""));
    }

    #[test]
    fn a_line_out_of_place_is_an_error_that_names_its_number() {
        let cases = [
            ("rule: S1\n", "line 1"),
            ("mutation: m\nrule: S1\n-a\n", "line 3"),
            ("mutation: m\nrule: S1\nin: f\nfile: src/lib.rs\n", "line 4"),
            ("mutation: m\nin: f\n-a\n", "names no rule"),
            ("mutation: m\nrule: S1\n", "changes nothing"),
        ];
        for (text, said) in cases {
            let error = format!("{:#}", parse(text).expect_err(text));
            assert!(error.contains(said), "{error}");
        }
    }
}
