//! What ingestion remembers from batch to batch. All of it mirrors the database, so a transaction that fails takes it along.

use std::sync::Arc;

use env::Random;

use crate::cache::Cache;
use crate::cookieless::Cookieless;
use crate::definitions::Definitions;
use crate::geoip::GeoIp;

#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) persons: Cache,
    pub(crate) definitions: Definitions,
    pub(crate) cookieless: Cookieless,
    /// Not a memory, but what events are compared with all the same.
    pub(crate) geoip: Option<Arc<GeoIp>>,
}

impl Memory {
    /// Remembers about so many bytes about persons.
    pub(crate) fn new(person_bytes: usize, random: Random, geoip: Option<Arc<GeoIp>>) -> Self {
        Self {
            persons: Cache::new(person_bytes),
            definitions: Definitions::default(),
            cookieless: Cookieless::new(random),
            geoip,
        }
    }

    /// A batch was committed.
    pub(crate) fn end(&mut self) {
        self.persons.end();
        self.definitions.end();
    }

    /// A batch was not committed.
    pub(crate) fn forget(&mut self) {
        self.persons.forget();
        self.definitions.forget();
        self.cookieless.forget();
    }
}
