//! The publisher of sample orders.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{
    Map, Value, json,
    value::{RawValue, to_raw_value},
};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::salesforce::Publication;
use crate::state::State;
use crate::world::World;

/// Publishes orders in this world at the rate that its settings say, as long as it lives.
pub(crate) fn start(world: &Arc<World>) {
    tokio::spawn(run(Arc::downgrade(world), world.order_rate()));
}

async fn run(world: Weak<World>, mut rate: watch::Receiver<f64>) {
    loop {
        let per_second = *rate.borrow_and_update();
        if per_second > 0.0 {
            let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / per_second.max(1e-6)));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    changed = rate.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    _ = ticks.tick() => match world.upgrade() {
                        Some(world) => publish(&world),
                        None => return,
                    },
                }
            }
        } else if rate.changed().await.is_err() {
            return;
        }
    }
}

fn publish(world: &World) {
    let now = Instant::now();
    let mut state = world.state();
    let channel = state.config.orders_channel.clone();
    let n = state.next_number(&channel);
    let order = order(n);
    if let Ok(data) = to_raw_value(&order) {
        state.publish(&channel, Publication { data: Some(&data), ..Publication::default() }, now);
    }
    let platform = state.config.salesforce.orders_event.clone();
    if let (Some(channel), Ok(data)) = (platform, to_raw_value(&fields(&order))) {
        state.publish(&channel, Publication { data: Some(&data), ..Publication::default() }, now);
    }
    state.flush(now);
}

/// An order that a client makes on the orders' own channel: it is given its number and time as the others are, as a
/// trigger of the org would do it.
pub(crate) fn numbered(state: &mut State, fields: Box<RawValue>) -> Box<RawValue> {
    let Ok(mut order) = serde_json::from_str::<Map<String, Value>>(fields.get()) else { return fields };
    let channel = state.config.orders_channel.clone();
    order.insert("N__c".to_owned(), state.next_number(&channel).into());
    order.insert("PublishedAt__c".to_owned(), now_ms().into());
    to_raw_value(&order).unwrap_or(fields)
}

/// The same order as a platform event holds it: custom fields end in `__c` and begin with a capital.
fn fields(order: &Value) -> Value {
    let fields = order.as_object().into_iter().flatten().map(|(name, value)| {
        let (first, rest) = name.split_at(1);
        (format!("{}{rest}__c", first.to_ascii_uppercase()), value.clone())
    });
    Value::Object(fields.collect())
}

/// The n-th order. All but its time follows from n, so that two runs can be compared.
fn order(n: u64) -> Value {
    const CUSTOMERS: [&str; 6] =
        ["Acme Ltd", "Blue Harbour", "Côte & Fils", "Delta Foods", "Edge Works", "Ōsaka Trading"];
    const STATUSES: [&str; 4] = ["new", "paid", "packed", "shipped"];
    let pick = |of: usize, step: u64| (n.wrapping_mul(step) % of as u64) as usize;
    json!({
        "orderId": format!("SO-{:06}", 100_000 + n),
        "customer": CUSTOMERS[pick(CUSTOMERS.len(), 5)],
        "amount": (n * 7_919 % 90_000 + 1_000) as f64 / 100.0,
        "status": STATUSES[pick(STATUSES.len(), 3)],
        "n": n,
        "publishedAt": now_ms(),
    })
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}
