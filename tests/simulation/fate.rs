//! What may go wrong between client and server.

use crate::plan::Plan;
use crate::rng::Rng;

/// What goes wrong with a request. Shares are in thousandths of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Fine,
    /// No connection, the server never sees it.
    Refused,
    /// It never arrives, and nobody says so.
    Vanishes,
    /// Processed, and cut before the response's head.
    Lost,
    /// Processed, and no head ever comes.
    Silent,
    CutAt(u64),
    HangsAt(u64),
    /// A proxy answers in the server's place.
    Proxy(u16),
    /// A proxy answers although the server has processed it.
    Gateway(u16),
    /// 200 and a page of HTML, unprocessed.
    Page,
    /// Nonsense instead of the next message from here on.
    MalformedAt(u64),
    /// It ends properly, but too early.
    TruncatedAt(u64),
    Empty,
}

impl Fate {
    pub fn choose(plan: &Plan, rng: &mut Rng, started: bool) -> Self {
        if !rng.chance(plan.faults) {
            return Self::Fine;
        }
        let share = rng.below(1_001);
        match rng.below(16) {
            0 => Self::Refused,
            1 => Self::Vanishes,
            2 | 3 => Self::Lost,
            4 => Self::Silent,
            5..=8 => Self::CutAt(share),
            9 => Self::HangsAt(share),
            10 if started || plan.rough_start => Self::Proxy(rng.pick(&[503, 502, 408, 429, 404, 500])),
            10 => Self::Proxy(rng.pick(&[503, 502, 408, 429])),
            11 => Self::Gateway(rng.pick(&[502, 504])),
            12 if started || plan.rough_start => Self::Page,
            13 if plan.malformed => Self::MalformedAt(share),
            14 => Self::TruncatedAt(share),
            15 => Self::Empty,
            _ => Self::CutAt(share),
        }
    }

    /// The deed on a poll, and on any other request.
    pub fn what(self, kind: &str) -> &'static str {
        let poll = kind == "connect";
        match self {
            Self::Fine => "fine",
            Self::Refused if poll => "poll refused",
            Self::Refused => "request refused",
            Self::Vanishes if poll => "poll vanishes",
            Self::Vanishes => "request vanishes",
            Self::Lost if poll => "reply to poll lost",
            Self::Lost => "reply lost",
            Self::Silent if poll => "silence after poll",
            Self::Silent => "silence after request",
            Self::CutAt(_) if poll => "poll's body cut",
            Self::CutAt(_) => "body cut",
            Self::HangsAt(_) if poll => "poll's body hangs",
            Self::HangsAt(_) => "body hangs",
            Self::Proxy(0 | 300..400) => "redirect",
            Self::Proxy(_) => "status of a proxy",
            Self::Gateway(_) => "gateway's status",
            Self::Page => "page of HTML",
            Self::MalformedAt(_) => "malformed",
            Self::TruncatedAt(_) if poll => "poll's body truncated",
            Self::TruncatedAt(_) => "body truncated",
            Self::Empty => "empty body",
        }
    }

    pub fn arrives(self) -> bool {
        !matches!(self, Self::Refused | Self::Vanishes | Self::Proxy(_) | Self::Page)
    }
}
