//! Persons as the API reads them.

use std::collections::HashMap;

use model::{PersonNumber, ProjectId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};
use uuid::Uuid;

use crate::connection::Meta;
use crate::error::MetaError;
use crate::packed::Unpacked;

/// A person with all distinct ids, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Row id: what integer person ids in the API mean.
    pub id: i64,
    /// Public id.
    pub uuid: Uuid,
    /// JSON object.
    pub properties: String,
    /// Whether it was ever identified or merged.
    pub is_identified: bool,
    /// When it first appeared, by event time.
    pub created_at: Timestamp,
    /// Its distinct ids, oldest first.
    pub distinct_ids: Vec<String>,
}

/// What event lists show of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSummary {
    /// JSON object.
    pub properties: String,
    /// Whether it was ever identified or merged.
    pub is_identified: bool,
    /// Its oldest distinct id.
    pub first_distinct_id: Option<String>,
}

/// What names a person to the outside and in stored events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonRef {
    /// Public id.
    pub uuid: Uuid,
    /// The number of its events.
    pub number: PersonNumber,
}

/// What a scan sees of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFacts {
    /// Row id.
    pub id: i64,
    /// The number of its events.
    pub number: PersonNumber,
    /// When it first appeared, by event time.
    pub created_at: Timestamp,
    /// JSON object.
    pub properties: String,
}

/// Whether a scan goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Show me the next.
    More,
    /// Stop here.
    Enough,
}

/// Which persons to list.
#[derive(Debug, Clone, Default)]
pub struct PersonQuery {
    /// Only the owner of this distinct id.
    pub distinct_id: Option<String>,
    /// Only those with exactly this email.
    pub email: Option<String>,
    /// Only those with this text in their email, or with exactly this distinct id.
    pub search: Option<String>,
    /// Rows at most.
    pub limit: usize,
    /// Rows to skip.
    pub offset: usize,
}

/// Ids in one statement, well below every database's limit of parameters.
const IDS_PER_STATEMENT: usize = 500;

/// Persons read at once by a scan.
const SCAN_PAGE: i64 = 2_000;

impl Meta {
    /// Those of `uuids` that are persons or were merged into one, by the uuid asked for.
    pub fn persons_by_uuids(
        &self,
        project: ProjectId,
        uuids: &[Uuid],
    ) -> Result<HashMap<Uuid, PersonSummary>, MetaError> {
        self.read(|c| {
            let mut found = HashMap::new();
            for chunk in uuids.chunks(IDS_PER_STATEMENT) {
                find_summaries(c, project, chunk, &mut found)?;
            }
            Ok(found)
        })
    }

    /// The person with this row id.
    pub fn person_by_id(&self, project: ProjectId, id: i64) -> Result<Option<Person>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM persons p WHERE p.project = $1 AND p.id = $2");
            let person = c.prepare_cached(&sql)?.query_row(params![project.0, id], person).optional()?;
            person.map(|person| with_distinct_ids(c, person)).transpose()
        })
    }

    /// The person with this public id, or the one it was merged into.
    pub fn person_by_uuid(&self, project: ProjectId, uuid: Uuid) -> Result<Option<Person>, MetaError> {
        let uuid = self.surviving_person(project, uuid)?;
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM persons p WHERE p.project = $1 AND p.uuid = $2");
            let person = c.prepare_cached(&sql)?.query_row(params![project.0, uuid], person).optional()?;
            person.map(|person| with_distinct_ids(c, person)).transpose()
        })
    }

    /// The persons that own these distinct ids, by distinct id; those that nobody owns are left out.
    pub fn persons_by_distinct_ids(
        &self,
        project: ProjectId,
        distinct_ids: &[String],
    ) -> Result<HashMap<String, PersonRef>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT p.uuid, p.number FROM distinct_ids d JOIN persons p ON p.id = d.person_id
                 WHERE d.project = $1 AND d.distinct_id = $2",
            )?;
            let mut found = HashMap::new();
            for distinct_id in distinct_ids {
                let owner = statement.query_row(params![project.0, distinct_id], person_ref).optional()?;
                found.extend(owner.map(|owner| (distinct_id.clone(), owner)));
            }
            Ok(found)
        })
    }

    /// The persons with these emails; several may share one.
    pub fn persons_by_emails(&self, project: ProjectId, emails: &[String]) -> Result<Vec<PersonRef>, MetaError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT uuid, number FROM persons WHERE project = $1 AND email = $2")?;
            let mut found = Vec::new();
            for email in emails {
                for person in statement.query_map(params![project.0, email], person_ref)? {
                    found.push(person?);
                }
            }
            Ok(found)
        })
    }

    /// Those of `uuids` that are persons or were merged into one, each as the person it reads as.
    pub fn person_refs(&self, project: ProjectId, uuids: &[Uuid]) -> Result<Vec<PersonRef>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT uuid, number FROM persons WHERE project = $1
                 AND uuid IN ($2, (SELECT into_uuid FROM person_overrides WHERE project = $1 AND from_uuid = $2))",
            )?;
            let mut found = Vec::new();
            for uuid in uuids {
                for person in statement.query_map(params![project.0, uuid], person_ref)? {
                    found.push(person?);
                }
            }
            Ok(found)
        })
    }

    /// The persons with these numbers, in the same order. Numbers of nobody are left out.
    pub fn persons_by_numbers(
        &self,
        project: ProjectId,
        numbers: impl IntoIterator<Item = PersonNumber>,
    ) -> Result<Vec<Person>, MetaError> {
        self.read(|c| {
            let sql = format!("SELECT {COLUMNS} FROM persons p WHERE p.project = $1 AND p.number = $2");
            let mut statement = c.prepare_cached(&sql)?;
            let mut found = Vec::new();
            for number in numbers {
                if let Some(person) = statement.query_row(params![project.0, number.0], person).optional()? {
                    found.push(with_distinct_ids(c, person)?);
                }
            }
            Ok(found)
        })
    }

    /// Which of these numbers, ascending, persons have now. A number that was merged away counts as that of the
    /// surviving person; one that was deleted as nobody's.
    pub fn surviving_numbers(&self, project: ProjectId, numbers: &[u32]) -> Result<Vec<u32>, MetaError> {
        self.read(|c| {
            let mut exists = c.prepare_cached("SELECT 1 FROM persons WHERE project = $1 AND number = $2")?;
            let mut merged =
                c.prepare_cached("SELECT into_number FROM person_overrides WHERE project = $1 AND from_number = $2")?;
            let mut found = Vec::with_capacity(numbers.len());
            for number in numbers {
                if exists.exists(params![project.0, number])? {
                    found.push(*number);
                    continue;
                }
                let into: Option<u32> = merged.query_row(params![project.0, number], |row| row.get(0)).optional()?;
                if let Some(into) = into
                    && exists.exists(params![project.0, into])?
                {
                    found.push(into);
                }
            }
            found.sort_unstable();
            found.dedup();
            Ok(found)
        })
    }

    /// Every person with its distinct ids, newest first, in pages: the one behind `after`, which is when the last person
    /// of the page before was created, and its row id. An empty page is the end.
    pub fn person_page(&self, project: ProjectId, after: Option<(Timestamp, i64)>) -> Result<Vec<Person>, MetaError> {
        self.read(|c| {
            let (created_at, id) = after.map_or((i64::MAX, i64::MAX), |(at, id)| (at.as_micros(), id));
            let sql = format!(
                "SELECT {COLUMNS} FROM persons p WHERE p.project = $1 AND (p.created_at, p.id) < ($2, $3)
                 ORDER BY p.created_at DESC, p.id DESC LIMIT $4"
            );
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params![project.0, created_at, id, SCAN_PAGE], person)?;
            rows.map(|person| with_distinct_ids(c, person?)).collect()
        })
    }

    /// Reads the persons that `query` asks for, newest first and regardless of its page, in bounded steps, until `visit`
    /// says that it has seen enough.
    pub fn scan_persons<E: From<MetaError>>(
        &self,
        project: ProjectId,
        query: &PersonQuery,
        mut visit: impl FnMut(&PersonFacts) -> Result<Visit, E>,
    ) -> Result<(), E> {
        let mut after = (i64::MAX, i64::MAX);
        loop {
            let page = self.read(|c| {
                let mut values = vec![Value::from(project.0)];
                let conditions = conditions(query, &mut values);
                values.extend([after.0, after.1, SCAN_PAGE].map(Value::from));
                let last = values.len();
                let sql = format!(
                    "SELECT p.id, p.number, p.created_at, p.properties FROM persons p WHERE p.project = $1{conditions}
                     AND (p.created_at, p.id) < (${}, ${}) ORDER BY p.created_at DESC, p.id DESC LIMIT ${last}",
                    last - 2,
                    last - 1
                );
                let mut statement = c.prepare_cached(&sql)?;
                let rows = statement.query_map(params_from_iter(values), |row| {
                    Ok(PersonFacts {
                        id: row.get(0)?,
                        number: PersonNumber(row.get(1)?),
                        created_at: Timestamp::from_micros(row.get(2)?),
                        properties: row.get::<_, Unpacked>(3)?.0,
                    })
                })?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })?;
            let Some(last) = page.last() else { return Ok(()) };
            after = (last.created_at.as_micros(), last.id);
            for person in &page {
                if visit(person)? == Visit::Enough {
                    return Ok(());
                }
            }
        }
    }

    /// How many persons a project has.
    pub fn count_persons(&self, project: ProjectId) -> Result<u64, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT COUNT(*) FROM persons WHERE project = $1")?;
            Ok(statement.query_row(params![project.0], |row| row.get(0))?)
        })
    }

    /// How many persons [`Meta::list_persons`] would list on all its pages.
    pub fn count_listed_persons(&self, project: ProjectId, query: &PersonQuery) -> Result<u64, MetaError> {
        self.read(|c| {
            let mut values = vec![Value::from(project.0)];
            let conditions = conditions(query, &mut values);
            let sql = format!("SELECT COUNT(*) FROM persons p WHERE p.project = $1{conditions}");
            Ok(c.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?)
        })
    }

    /// The person that `uuid` reads as: itself, or the one it was merged into.
    pub fn surviving_person(&self, project: ProjectId, uuid: Uuid) -> Result<Uuid, MetaError> {
        self.read(|c| {
            let mut statement =
                c.prepare_cached("SELECT into_uuid FROM person_overrides WHERE project = $1 AND from_uuid = $2")?;
            Ok(statement.query_row(params![project.0, uuid], |row| row.get(0)).optional()?.unwrap_or(uuid))
        })
    }

    /// The number of a stored person.
    pub fn person_number(&self, project: ProjectId, uuid: Uuid) -> Result<Option<PersonNumber>, MetaError> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT number FROM persons WHERE project = $1 AND uuid = $2")?;
            Ok(statement.query_row(params![project.0, uuid], |row| row.get(0).map(PersonNumber)).optional()?)
        })
    }

    /// Persons, newest first, and whether more follow.
    pub fn list_persons(&self, project: ProjectId, query: &PersonQuery) -> Result<(Vec<Person>, bool), MetaError> {
        self.read(|c| {
            let mut values = vec![Value::from(project.0)];
            let mut sql = format!("SELECT {COLUMNS} FROM persons p WHERE p.project = $1");
            sql.push_str(&conditions(query, &mut values));
            let mut place = |value: Value| {
                values.push(value);
                format!("${}", values.len())
            };
            let limit = i64::try_from(query.limit).unwrap_or(i64::MAX - 1);
            let limit = place((limit + 1).into());
            let offset = place(i64::try_from(query.offset).unwrap_or(i64::MAX).into());
            sql.push_str(&format!(" ORDER BY p.created_at DESC, p.id DESC LIMIT {limit} OFFSET {offset}"));
            let mut persons: Vec<Person> =
                c.prepare_cached(&sql)?.query_map(params_from_iter(values), person)?.collect::<Result<_, _>>()?;
            let more = persons.len() > query.limit;
            persons.truncate(query.limit);
            let persons = persons.into_iter().map(|person| with_distinct_ids(c, person)).collect::<Result<_, _>>()?;
            Ok((persons, more))
        })
    }
}

/// What `query` asks, as text behind the condition on the project, which is the first of `values`.
fn conditions(query: &PersonQuery, values: &mut Vec<Value>) -> String {
    const OWNS: &str = "p.id IN (SELECT person_id FROM distinct_ids WHERE project = $1 AND distinct_id =";
    let mut sql = String::new();
    let mut place = |value: Value| {
        values.push(value);
        format!("${}", values.len())
    };
    if let Some(distinct_id) = &query.distinct_id {
        sql.push_str(&format!(" AND {OWNS} {})", place(distinct_id.clone().into())));
    }
    if let Some(email) = &query.email {
        sql.push_str(&format!(" AND p.email = {}", place(email.clone().into())));
    }
    if let Some(search) = &query.search {
        let pattern = search.to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
        let email = place(format!("%{pattern}%").into());
        let distinct_id = place(search.clone().into());
        sql.push_str(&format!(" AND (LOWER(p.email) LIKE {email} ESCAPE '!' OR {OWNS} {distinct_id}))"));
    }
    sql
}

fn person_ref(row: &Row<'_>) -> rusqlite::Result<PersonRef> {
    Ok(PersonRef { uuid: row.get(0)?, number: PersonNumber(row.get(1)?) })
}

const COLUMNS: &str = "p.id, p.uuid, p.properties, p.is_identified, p.created_at";

fn person(row: &Row<'_>) -> rusqlite::Result<Person> {
    Ok(Person {
        id: row.get(0)?,
        uuid: row.get(1)?,
        properties: row.get::<_, Unpacked>(2)?.0,
        is_identified: row.get(3)?,
        created_at: Timestamp::from_micros(row.get(4)?),
        distinct_ids: Vec::new(),
    })
}

fn with_distinct_ids(connection: &Connection, mut person: Person) -> Result<Person, MetaError> {
    let mut statement =
        connection.prepare_cached("SELECT distinct_id FROM distinct_ids WHERE person_id = $1 ORDER BY id")?;
    person.distinct_ids = statement.query_map(params![person.id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(person)
}

fn find_summaries(
    connection: &Connection,
    project: ProjectId,
    uuids: &[Uuid],
    found: &mut HashMap<Uuid, PersonSummary>,
) -> Result<(), MetaError> {
    // Padded to one length, so that there is one statement to prepare. The nil uuid is nobody's.
    let places: Vec<String> = (0..IDS_PER_STATEMENT).map(|at| format!("${}", at + 2)).collect();
    let places = places.join(",");
    let first_id = "(SELECT d.distinct_id FROM distinct_ids d WHERE d.person_id = p.id ORDER BY d.id LIMIT 1)";
    let own = format!(
        "SELECT p.uuid, p.properties, p.is_identified, {first_id} FROM persons p WHERE p.project = $1 AND p.uuid IN ({places})"
    );
    let merged = format!(
        "SELECT o.from_uuid, p.properties, p.is_identified, {first_id} FROM person_overrides o
         JOIN persons p ON p.project = o.project AND p.uuid = o.into_uuid WHERE o.project = $1 AND o.from_uuid IN ({places})"
    );
    let padding = std::iter::repeat(Uuid::nil());
    let mut values = vec![Value::from(project.0)];
    values.extend(
        uuids.iter().copied().chain(padding).take(IDS_PER_STATEMENT).map(|uuid| Value::Blob(uuid.as_bytes().to_vec())),
    );
    for sql in [merged, own] {
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(values.iter()))?;
        while let Some(row) = rows.next()? {
            let summary = PersonSummary {
                properties: row.get::<_, Unpacked>(1)?.0,
                is_identified: row.get(2)?,
                first_distinct_id: row.get(3)?,
            };
            found.insert(row.get(0)?, summary);
        }
    }
    Ok(())
}
