//! Who is in a cohort: behaviour is counted over events first, then every person is asked once.

use jiff::tz::TimeZone;
use meta::{PersonQuery, Project, Visit};
use model::Timestamp;
use query::{Conditions, PersonCounts, PersonTimes, TimeRange};
use roaring::RoaringBitmap;

use super::definition::{Behavior, Definition, Meant, Node, Span, What, Within};
use super::refresh;
use crate::app::App;
use crate::dates::{later, parse_date};
use crate::error::ApiError;

/// The persons for whom `definition` holds, by number.
pub(super) async fn evaluate(
    app: &App,
    project: &Project,
    definition: &Definition,
    depth: usize,
) -> Result<RoaringBitmap, ApiError> {
    let now = app.now();
    let mut behaved = Vec::with_capacity(definition.behaviors.len());
    for behavior in &definition.behaviors {
        behaved.push(counted(app, project, behavior, now).await?);
    }
    let mut cohorts = Vec::new();
    let mut wanted = Vec::new();
    cohorts_of(&definition.root, &mut wanted);
    for id in wanted {
        // Boxed, because a cohort may lead to others.
        let members = Box::pin(refresh::members_at(app, project, id, depth + 1)).await?;
        cohorts.push((id, members.unwrap_or_default()));
    }
    let asked = Asked { behaved, cohorts };
    tokio::task::block_in_place(|| {
        let mut members = RoaringBitmap::new();
        app.meta.scan_persons(project.id, &PersonQuery::default(), |person| {
            if asked.holds(&definition.root, person.number.0, &person.properties) {
                members.insert(person.number.0);
            }
            Ok::<_, ApiError>(Visit::More)
        })?;
        Ok(members)
    })
}

fn cohorts_of(node: &Node, into: &mut Vec<i64>) {
    match node {
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| cohorts_of(node, into)),
        Node::Not(node) => cohorts_of(node, into),
        Node::Cohort(id) if !into.contains(id) => into.push(*id),
        Node::Cohort(_) | Node::Person(_) | Node::Behaved(_) => {}
    }
}

/// Answers of conditions on behaviour, by their place, and members of other cohorts.
struct Asked {
    behaved: Vec<Behaved>,
    cohorts: Vec<(i64, RoaringBitmap)>,
}

impl Asked {
    fn holds(&self, node: &Node, person: u32, properties: &str) -> bool {
        match node {
            Node::And(nodes) => nodes.iter().all(|node| self.holds(node, person, properties)),
            Node::Or(nodes) => nodes.iter().any(|node| self.holds(node, person, properties)),
            Node::Not(node) => !self.holds(node, person, properties),
            Node::Person(filter) => filter.matches("{}", properties),
            Node::Behaved(place) => self.behaved.get(*place).is_some_and(|behaved| behaved.holds(person)),
            Node::Cohort(id) => self.cohorts.iter().any(|(known, members)| known == id && members.contains(person)),
        }
    }
}

/// What decides a condition on behaviour.
enum Behaved {
    /// Event counts in the parts of time that the condition tells apart, the latest first.
    Counted { what: What, counts: Vec<Vec<PersonCounts>> },
    /// The persons for whom it holds.
    Known(RoaringBitmap),
}

impl Behaved {
    fn holds(&self, person: u32) -> bool {
        let (what, counts) = match self {
            Self::Counted { what, counts } => (what, counts),
            Self::Known(persons) => return persons.contains(person),
        };
        let count = |part: usize| -> u32 {
            let alternatives = counts.get(part).into_iter().flatten();
            alternatives.fold(0_u32, |sum, counts| sum.saturating_add(counts.of(person)))
        };
        match what {
            What::Performed { count: asked, .. } => asked.holds(count(0)),
            What::FirstTime { .. } => count(0) > 0 && count(1) == 0,
            What::Stopped { .. } => count(0) == 0 && count(1) > 0,
            What::Regularly { periods, least, count: asked } => {
                (0..periods.len()).filter(|period| asked.holds(count(*period))).count() >= *least
            }
            What::Restarted { .. } => count(0) > 0 && count(1) == 0 && count(2) > 0,
            What::Followed { .. } => false,
        }
    }
}

async fn counted(app: &App, project: &Project, behavior: &Behavior, now: Timestamp) -> Result<Behaved, ApiError> {
    let zone = TimeZone::get(&project.timezone).unwrap_or(TimeZone::UTC);
    let start = |span: &Span| -> Result<i64, ApiError> {
        let at = parse_date(&span.0, now, &zone);
        at.map(Timestamp::as_micros).map_err(|error| ApiError::invalid("filters", format!("'{}' {error}.", span.0)))
    };
    // Boundaries between the parts, from now backwards.
    let bounds = match &behavior.what {
        What::Performed { span, .. } => vec![start(span)?],
        What::FirstTime { span } => vec![start(span)?, i64::MIN],
        What::Stopped { span, pause } => vec![start(pause)?, start(span)?],
        What::Regularly { periods, .. } => periods.iter().map(start).collect::<Result<_, _>>()?,
        What::Restarted { span, pause } => vec![start(pause)?, start(span)?, i64::MIN],
        What::Followed { span, within, next } => {
            let range = TimeRange { first: start(span)?, last: now.as_micros() };
            let (first, next) = (times(app, project, &behavior.events, range), times(app, project, next, range));
            let persons = first.await?.followed_by(&next.await?, |at| within.after(at, &zone));
            return Ok(Behaved::Known(persons.into_iter().collect()));
        }
    };
    let mut last = now.as_micros();
    let mut counts = Vec::with_capacity(bounds.len());
    for first in bounds {
        let mut part = Vec::with_capacity(behavior.events.len());
        for meant in &behavior.events {
            let conditions = conditions(meant, TimeRange { first, last });
            part.push(app.engine.person_counts(project.id, conditions).await?);
        }
        counts.push(part);
        last = first.saturating_sub(1);
    }
    Ok(Behaved::Counted { what: behavior.what.clone(), counts })
}

/// When each person did any of what is meant.
async fn times(app: &App, project: &Project, meant: &[Meant], range: TimeRange) -> Result<PersonTimes, ApiError> {
    let mut times = PersonTimes::default();
    for meant in meant {
        times = times.or(app.engine.person_times(project.id, conditions(meant, range)).await?);
    }
    Ok(times)
}

fn conditions((event, filter): &Meant, range: TimeRange) -> Conditions {
    let events = event.clone().map(|event| vec![event]);
    Conditions { range, events, filter: filter.clone(), ..Conditions::default() }
}

impl Within {
    /// The instant so long after another one, in microseconds; months and years are those of the calendar.
    fn after(self, at: i64, zone: &TimeZone) -> i64 {
        later(Timestamp::from_micros(at), self.amount, self.unit, zone).map_or(i64::MAX, Timestamp::as_micros)
    }
}
