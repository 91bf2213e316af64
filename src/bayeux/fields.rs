//! The members of a message that Bayeux gives a meaning to, and where their values stand.

/// A member that Bayeux gives a meaning to. The last four live in `data`, and three times in `data.event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Channel,
    Id,
    ClientId,
    Successful,
    Error,
    Subscription,
    ConnectionTypes,
    Advice,
    Ext,
    Data,
    Event,
    ReplayId,
    CreatedDate,
    EventUuid,
    Other,
}

/// The fields that are looked for at each level of the path, by their names.
const NAMES: [&[(&str, Field)]; 4] = [
    &[],
    &[
        ("channel", Field::Channel),
        ("data", Field::Data),
        ("id", Field::Id),
        ("clientId", Field::ClientId),
        ("successful", Field::Successful),
        ("error", Field::Error),
        ("subscription", Field::Subscription),
        ("supportedConnectionTypes", Field::ConnectionTypes),
        ("advice", Field::Advice),
        ("ext", Field::Ext),
    ],
    &[("event", Field::Event)],
    &[("replayId", Field::ReplayId), ("createdDate", Field::CreatedDate), ("EventUuid", Field::EventUuid)],
];

impl Field {
    pub(super) fn of(level: usize, key: &[u8]) -> Self {
        let named = NAMES[level & 3].iter().find(|(name, _)| name.as_bytes() == key);
        named.map_or(Self::Other, |(_, field)| *field)
    }
}

/// Where the known members' values stand, from the first byte of the message; an end of 0 means absent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fields([(u32, u32); Field::Other as usize]);

impl Fields {
    pub(crate) fn get(&self, field: Field) -> Option<(usize, usize)> {
        let &(start, end) = self.0.get(field as usize)?;
        (end != 0).then_some((start as usize, end as usize))
    }

    pub(super) fn set(&mut self, field: Field, start: usize, end: usize) {
        if let Some(span) = self.0.get_mut(field as usize) {
            *span = (start as u32, end as u32);
        }
    }
}
