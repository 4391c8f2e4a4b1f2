//! What was resolved for the events of a batch, as it is kept until their rows are sealed.
//!
//! Person changes are committed long before rows are sealed. A crash in between loses the rows, and by then the persons
//! have moved on. So the batch's transaction also keeps, for each event, what its row cannot be rebuilt without.
//!
//! Format: version byte, then zstd of: number of distinct person-property texts and those texts; then for each record the
//! number of its events and for each event a tag (0 dropped, 1 stored) with person id and number, mode, place of its person's
//! properties, flags, group keys, and what was added to it. Integers are u32 little endian, texts are prefixed by their length.
//!
//! The properties are the person's own, which the events of a visit share. What a row shows beyond them is in its event.
//! Versions before 4 kept what the row shows, and showing that once more changes nothing.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use model::{GROUP_TYPES_MAX, PersonMode, PersonNumber};
use uuid::Uuid;

use crate::added::{Added, Visitor};
use crate::event::Resolution;
use crate::stored::StoredProperties;

const VERSION: u8 = 4;
/// Are read as this one is.
const OLDER_VERSIONS: [u8; 2] = [2, 3];
const HAS_PLACE: u8 = 1 << 5;
const HAS_VISITOR: u8 = 1 << 6;
const ANONYMIZES_IP: u8 = 1 << 7;
/// Nobody reads a blob unless the process dies: speed counts.
const COMPRESSION_LEVEL: i32 = -3;

/// One record's events; none for those that were dropped.
pub(crate) type Resolved = Vec<Option<Resolution>>;

/// The blob is not one, or was written by another version.
#[derive(Debug, thiserror::Error)]
#[error("resolved batch cannot be read")]
pub(crate) struct Unreadable(#[source] Option<io::Error>);

/// Encodes batches, one after the other.
pub(crate) struct Encoder(zstd::bulk::Compressor<'static>);

impl Encoder {
    pub(crate) fn new() -> Self {
        Self(zstd::bulk::Compressor::new(COMPRESSION_LEVEL).expect("the level is one of zstd's"))
    }

    pub(crate) fn encode(&mut self, records: &[Resolved]) -> Vec<u8> {
        let mut texts = Texts::default();
        let mut body = Vec::new();
        for record in records {
            put_u32(&mut body, record.len());
            for event in record {
                match event {
                    None => body.push(0),
                    Some(resolution) => put_event(&mut body, &mut texts, resolution),
                }
            }
        }
        let texts = texts.all;
        let mut plain = Vec::with_capacity(body.len() + texts.iter().map(|text| text.len() + 4).sum::<usize>() + 4);
        put_u32(&mut plain, texts.len());
        texts.iter().for_each(|text| put_text(&mut plain, text));
        plain.extend_from_slice(&body);
        let mut blob = vec![0; zstd::zstd_safe::compress_bound(plain.len()) + 1];
        let compressed = self.0.compress_to_buffer(&plain, &mut blob[1..]).expect("the bound is enough for any text");
        blob[0] = VERSION;
        blob.truncate(compressed + 1);
        blob
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

/// The person-property texts of a batch. Equal ones are usually the same one, so they are told apart by address; to keep
/// one twice costs room only.
#[derive(Default)]
struct Texts<'a> {
    all: Vec<&'a str>,
    places: HashMap<(usize, usize), u32, foldhash::fast::RandomState>,
}

impl<'a> Texts<'a> {
    fn place(&mut self, text: &'a str) -> u32 {
        let Self { all, places } = self;
        *places.entry((text.as_ptr().addr(), text.len())).or_insert_with(|| {
            all.push(text);
            u32::try_from(all.len() - 1).expect("a batch has far fewer than four billion events")
        })
    }
}

fn put_event<'a>(body: &mut Vec<u8>, texts: &mut Texts<'a>, resolution: &'a Resolution) {
    body.push(1);
    body.extend_from_slice(resolution.person_id.as_bytes());
    body.extend_from_slice(&resolution.person_number.0.to_le_bytes());
    body.push(mode_code(resolution.mode));
    body.extend_from_slice(&texts.place(resolution.person.text()).to_le_bytes());
    let groups = resolution.groups.iter().enumerate().filter(|(_, key)| key.is_some());
    let Added { place, visitor } = &resolution.added;
    let mut flags = groups.fold(0, |flags, (index, _)| flags | 1 << index);
    for (is_set, flag) in
        [(resolution.anonymize_ip, ANONYMIZES_IP), (place.is_some(), HAS_PLACE), (visitor.is_some(), HAS_VISITOR)]
    {
        flags |= if is_set { flag } else { 0 };
    }
    body.push(flags);
    for key in resolution.groups.iter().flatten() {
        put_text(body, key);
    }
    if let Some(place) = place {
        body.extend_from_slice(&texts.place(place).to_le_bytes());
    }
    if let Some(Visitor { distinct_id, session_id }) = visitor {
        put_text(body, distinct_id);
        put_text(body, session_id);
    }
}

pub(crate) fn decode(blob: &[u8], records: usize) -> Result<Vec<Resolved>, Unreadable> {
    let (version, compressed) = blob.split_first().ok_or(Unreadable(None))?;
    if *version != VERSION && !OLDER_VERSIONS.contains(version) {
        return Err(Unreadable(None));
    }
    let plain = zstd::stream::decode_all(compressed).map_err(|error| Unreadable(Some(error)))?;
    let mut reader = Reader { rest: &plain };
    reader.records(records).ok_or(Unreadable(None))
}

/// A text of the blob, and the person whose properties it is, once one is asked for.
struct Text {
    text: Arc<str>,
    person: OnceCell<Option<Arc<StoredProperties>>>,
}

impl Text {
    fn new(text: Arc<str>) -> Self {
        Self { text, person: OnceCell::new() }
    }

    fn person(&self) -> Option<Arc<StoredProperties>> {
        self.person.get_or_init(|| StoredProperties::parse(&self.text).map(Arc::new)).clone()
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn records(&mut self, count: usize) -> Option<Vec<Resolved>> {
        let texts = (0..self.u32()?).map(|_| Some(Text::new(self.text()?.into()))).collect::<Option<Vec<_>>>()?;
        let records =
            (0..count).map(|_| (0..self.u32()?).map(|_| self.event(&texts)).collect()).collect::<Option<_>>()?;
        self.rest.is_empty().then_some(records)
    }

    #[expect(clippy::option_option, reason = "outer: is the blob sound; inner: was the event stored")]
    fn event(&mut self, texts: &[Text]) -> Option<Option<Resolution>> {
        if self.take(1)? == [0] {
            return Some(None);
        }
        let person_id = Uuid::from_slice(self.take(16)?).ok()?;
        let person_number = PersonNumber(self.u32()?);
        let mode = mode_of(*self.take(1)?.first()?)?;
        let person = texts.get(self.u32()? as usize)?.person()?;
        let flags = *self.take(1)?.first()?;
        let mut groups: [Option<String>; GROUP_TYPES_MAX] = Default::default();
        for (index, key) in groups.iter_mut().enumerate() {
            if flags & 1 << index != 0 {
                *key = Some(self.text()?);
            }
        }
        let place = match flags & HAS_PLACE {
            0 => None,
            _ => Some(Arc::clone(&texts.get(self.u32()? as usize)?.text)),
        };
        let visitor = match flags & HAS_VISITOR {
            0 => None,
            _ => Some(Visitor { distinct_id: self.text()?, session_id: self.text()? }),
        };
        let anonymize_ip = flags & ANONYMIZES_IP != 0;
        let added = Added { place, visitor };
        Some(Some(Resolution { person_id, person_number, mode, person, groups, anonymize_ip, added }))
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        String::from_utf8(self.take(length)?.to_vec()).ok()
    }
}

fn put_u32(out: &mut Vec<u8>, number: usize) {
    let number = u32::try_from(number).expect("batches are bounded far below four billion");
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_u32(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn mode_code(mode: PersonMode) -> u8 {
    match mode {
        PersonMode::Full => 0,
        PersonMode::Propertyless => 1,
        PersonMode::ForceUpgrade => 2,
    }
}

fn mode_of(code: u8) -> Option<PersonMode> {
    [PersonMode::Full, PersonMode::Propertyless, PersonMode::ForceUpgrade].get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolution(person: u32, properties: &str, groups: [Option<&str>; GROUP_TYPES_MAX]) -> Option<Resolution> {
        Some(Resolution {
            person_id: Uuid::from_u128(person.into()),
            person_number: PersonNumber(person + 7),
            mode: PersonMode::ForceUpgrade,
            person: Arc::new(StoredProperties::parse(properties).unwrap()),
            groups: groups.map(|key| key.map(str::to_owned)),
            anonymize_ip: person % 2 == 1,
            added: Added {
                place: person.is_multiple_of(3).then(|| r#"{"$geoip_city_name":"Bern"}"#.into()),
                visitor: person
                    .is_multiple_of(2)
                    .then(|| Visitor { distinct_id: "cookieless_1".to_owned(), session_id: person.to_string() }),
            },
        })
    }

    #[test]
    fn what_was_resolved_comes_back() {
        let none = [None; GROUP_TYPES_MAX];
        let records = vec![
            vec![
                resolution(1, r#"{"a":1}"#, none),
                None,
                resolution(2, r#"{"a":1}"#, [Some("acme"), None, None, None, Some("é")]),
                resolution(6, "{}", [Some("all"), Some("of"), Some("them"), Some("at"), Some("once")]),
            ],
            vec![],
            vec![resolution(3, "{}", none)],
        ];
        assert_eq!(decode(&Encoder::new().encode(&records), 3).unwrap(), records);
    }

    #[test]
    fn what_is_not_a_blob_is_refused() {
        let blob = Encoder::new().encode(&[vec![resolution(1, "{}", [None; GROUP_TYPES_MAX])]]);
        assert!(decode(&blob, 2).is_err());
        assert!(decode(&blob[..blob.len() - 1], 1).is_err());
        let other_version = [&[1], &blob[1..]].concat();
        assert!(decode(&other_version, 1).is_err());
        assert!(decode(&[9], 1).is_err());
        assert!(decode(&[], 0).is_err());
    }

    #[test]
    fn blobs_of_earlier_versions_are_read() {
        let records = vec![vec![resolution(1, r#"{"a":1}"#, [None; GROUP_TYPES_MAX])]];
        let mut blob = Encoder::new().encode(&records);
        for version in OLDER_VERSIONS {
            blob[0] = version;
            assert_eq!(decode(&blob, 1).unwrap(), records);
        }
    }
}
