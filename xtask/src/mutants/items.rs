//! The functions and constants of a source file: their names, and the tokens that each consists of.

use std::ops::Range;

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, ImplItemConst, ImplItemFn, Item as Any, ItemConst, ItemFn, ItemImpl, ItemStatic, ItemTrait,
    Path, TraitItemFn, Type,
};

#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    /// Where it stands in the text, in bytes.
    pub at: Range<usize>,
}

/// A function or a constant.
pub struct Item {
    /// `retry`, `Backoff::retry`; for what a trait asks for `<Backoff as Iterator>::next`, too.
    pub names: Vec<String>,
    /// From `fn` or `const` to the end, in bytes.
    at: Range<usize>,
}

impl Item {
    /// The name that tells most.
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// The part of the file's tokens that lies within.
    pub fn tokens(&self, all: &[Token]) -> Range<usize> {
        let begin = all.partition_point(|token| token.at.start < self.at.start);
        begin..all.partition_point(|token| token.at.end <= self.at.end)
    }
}

/// Comments and white space are none; neither is a comma before a closing bracket, which comes and goes with line breaks.
///
/// # Errors
/// If the text is not Rust, or its brackets do not match.
pub fn tokens(text: &str) -> Result<Vec<Token>> {
    let stream: TokenStream =
        text.parse().map_err(|error| anyhow::anyhow!("not Rust with matching brackets: {error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    let closes = |token: &Token| matches!(token.text.as_str(), ")" | "]" | "}");
    let trailing: Vec<bool> = (0..tokens.len())
        .map(|index| tokens[index].text == "," && tokens.get(index + 1).is_some_and(closes))
        .collect();
    let mut trailing = trailing.into_iter();
    tokens.retain(|_| trailing.next() == Some(false));
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(&group);
                tokens.extend(open);
                flatten(group.stream(), tokens);
                tokens.extend(close);
            }
            tree => tokens.push(Token { text: tree.to_string(), at: tree.span().byte_range() }),
        }
    }
}

fn brackets(group: &Group) -> (Option<Token>, Option<Token>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => return (None, None),
    };
    let token = |text: &str, span: Span| Some(Token { text: text.to_owned(), at: span.byte_range() });
    (token(open, group.span_open()), token(close, group.span_close()))
}

/// All but those of unit tests.
pub fn items(text: &str) -> Result<Vec<Item>> {
    let mut finder = Finder::default();
    finder.visit_file(&syn::parse_file(text).context("not a Rust file")?);
    Ok(finder.items)
}

#[derive(Default)]
struct Finder {
    /// The type of the `impl` and, where there is one, its trait.
    owner: Option<(String, Option<String>)>,
    items: Vec<Item>,
}

impl Finder {
    fn add(&mut self, name: String, from: Span, to: Span) {
        let mut names = vec![name.clone()];
        if let Some((of, asked_by)) = &self.owner {
            names.push(format!("{of}::{name}"));
            names.extend(asked_by.as_ref().map(|asked_by| format!("<{of} as {asked_by}>::{name}")));
        }
        self.items.push(Item { names, at: from.byte_range().start..to.byte_range().end });
    }

    fn within(&mut self, owner: Option<(String, Option<String>)>, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        visit(self);
        self.owner = outer;
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item(&mut self, item: &'ast Any) {
        let tests = matches!(item, Any::Mod(module) if module.attrs.iter().any(is_test));
        if !tests {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = match &*item.self_ty {
            Type::Path(of) => last(&of.path),
            _ => None,
        };
        let asked_by = item.trait_.as_ref().and_then(|(asked_by, _)| last(asked_by));
        self.within(of.map(|of| (of, asked_by)), |this| visit::visit_item_impl(this, item));
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.within(Some((item.ident.to_string(), None)), |this| visit::visit_item_trait(this, item));
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        // One inside another belongs to no type.
        self.within(None, |this| {
            this.add(item.sig.ident.to_string(), item.sig.fn_token.span, item.block.brace_token.span.close());
            visit::visit_item_fn(this, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.add(item.sig.ident.to_string(), item.sig.fn_token.span, item.block.brace_token.span.close());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(item.sig.ident.to_string(), item.sig.fn_token.span, block.brace_token.span.close());
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.add(item.ident.to_string(), item.const_token.span, item.semi_token.span);
    }

    fn visit_impl_item_const(&mut self, item: &'ast ImplItemConst) {
        self.add(item.ident.to_string(), item.const_token.span, item.semi_token.span);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.add(item.ident.to_string(), item.static_token.span, item.semi_token.span);
    }
}

/// `#[cfg(test)]`.
fn is_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
}

fn last(path: &Path) -> Option<String> {
    path.segments.last().map(|segment| segment.ident.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<String> {
        items(text).expect("Rust").iter().map(|item| item.name().to_owned()).collect()
    }

    #[test]
    fn functions_and_constants_are_named_by_their_type_and_trait() {
        let text = "const A: u32 = 1; static B: u32 = 2; fn f() { fn inner() {} }
            impl<T> a::Map<T> { const C: u32 = 3; pub(crate) fn g(&self) {} }
            impl fmt::Debug for Map<u8> { fn fmt(&self) {} }
            trait Walk { fn step(&self); fn run(&self) {} }
            mod m { async fn h() {} }";
        let expected = ["A", "B", "f", "inner", "Map::C", "Map::g", "<Map as Debug>::fmt", "Walk::run", "h"];
        assert_eq!(named(text), expected);
        let text = "impl Debug for X { fn fmt() {} }";
        assert_eq!(items(text).expect("Rust")[0].names, ["fmt", "X::fmt", "<X as Debug>::fmt"]);
    }

    #[test]
    fn unit_tests_are_no_part_of_the_core() {
        let text = "fn f() {} #[cfg(test)] mod tests { fn g() {} } #[cfg(unix)] mod m { fn h() {} }";
        assert_eq!(named(text), ["f", "h"]);
    }

    #[test]
    fn an_item_holds_its_own_tokens_whatever_stands_before_it() {
        let text = "/* ü */ #[inline] pub fn f() { g(\"é\") } fn h() {}";
        let (all, items) = (tokens(text).expect("tokens"), items(text).expect("items"));
        let own: Vec<&str> = all[items[0].tokens(&all)].iter().map(|token| &text[token.at.clone()]).collect();
        assert_eq!(own.join(" "), "fn f ( ) { g ( \"é\" ) }");
    }

    #[test]
    fn layout_and_comments_and_trailing_commas_make_no_other_tokens() {
        let text = |text: &str| -> Vec<String> {
            tokens(text).expect("tokens").into_iter().map(|token| token.text).collect()
        };
        let broken = "self . f(\n    a, // why\n    |b|b+1,\n    [1, 2,],\n)";
        assert_eq!(text("self.f(a, |b| b + 1, [1, 2])"), text(broken));
        assert_ne!(text("f(a, b)"), text("f(a b)"));
        assert_ne!(text("a || b"), text("a | b"));
    }

    #[test]
    fn brackets_that_do_not_match_are_an_error() {
        assert!(tokens("if a {").is_err());
    }
}
