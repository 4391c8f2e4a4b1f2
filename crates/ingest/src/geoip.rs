//! Where a client address is, from a city database in MaxMind's format that the operator provides.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use maxminddb::{Reader, geoip2};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

/// Addresses that are remembered. Most events come from few.
const REMEMBERED_MAX: usize = 8_192;

/// Every property that describes a place. Of one that is known, those that are not are null: what a person had of them before
/// would be of another place.
pub(crate) const KEYS: [(&str, &str); 16] = [
    ("$geoip_city_name", "$initial_geoip_city_name"),
    ("$geoip_country_name", "$initial_geoip_country_name"),
    ("$geoip_country_code", "$initial_geoip_country_code"),
    ("$geoip_continent_name", "$initial_geoip_continent_name"),
    ("$geoip_continent_code", "$initial_geoip_continent_code"),
    ("$geoip_postal_code", "$initial_geoip_postal_code"),
    ("$geoip_latitude", "$initial_geoip_latitude"),
    ("$geoip_longitude", "$initial_geoip_longitude"),
    ("$geoip_accuracy_radius", "$initial_geoip_accuracy_radius"),
    ("$geoip_time_zone", "$initial_geoip_time_zone"),
    ("$geoip_subdivision_1_code", "$initial_geoip_subdivision_1_code"),
    ("$geoip_subdivision_1_name", "$initial_geoip_subdivision_1_name"),
    ("$geoip_subdivision_2_code", "$initial_geoip_subdivision_2_code"),
    ("$geoip_subdivision_2_name", "$initial_geoip_subdivision_2_name"),
    ("$geoip_subdivision_3_code", "$initial_geoip_subdivision_3_code"),
    ("$geoip_subdivision_3_name", "$initial_geoip_subdivision_3_name"),
];

/// The file is no city database.
#[derive(Debug, thiserror::Error)]
#[error("the file is not a MaxMind database of cities")]
pub struct InvalidGeoIp(#[source] maxminddb::MaxMindDbError);

/// A city database, in memory.
pub struct GeoIp {
    reader: Reader<Vec<u8>>,
    remembered: Mutex<HashMap<IpAddr, Option<Arc<str>>, RandomState>>,
}

impl fmt::Debug for GeoIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GeoIp").finish_non_exhaustive()
    }
}

impl GeoIp {
    /// Reads the content of a file.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn new(file: Vec<u8>) -> Result<Self, InvalidGeoIp> {
        let reader = Reader::from_source(file).map_err(InvalidGeoIp)?;
        Ok(Self { reader, remembered: Mutex::default() })
    }

    /// What is known about the place of an address: a JSON object of those [`KEYS`] that are known.
    pub(crate) fn place(&self, address: &str) -> Option<Arc<str>> {
        let address: IpAddr = address.trim().parse().ok()?;
        let mut remembered = self.remembered.lock();
        if let Some(place) = remembered.get(&address) {
            return place.clone();
        }
        let place = self.look_up(address);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(address, place.clone());
        place
    }

    fn look_up(&self, address: IpAddr) -> Option<Arc<str>> {
        let found = self.reader.lookup(address).ok()?;
        let city: geoip2::City<'_> = found.decode().ok()??;
        let mut place = Map::new();
        let mut put = |key: &str, value: Value| {
            if !value.is_null() {
                place.insert(key.to_owned(), value);
            }
        };
        put("$geoip_city_name", json!(city.city.names.english));
        put("$geoip_country_name", json!(city.country.names.english));
        put("$geoip_country_code", json!(city.country.iso_code));
        put("$geoip_continent_name", json!(city.continent.names.english));
        put("$geoip_continent_code", json!(city.continent.code));
        put("$geoip_postal_code", json!(city.postal.code));
        put("$geoip_latitude", json!(city.location.latitude));
        put("$geoip_longitude", json!(city.location.longitude));
        put("$geoip_accuracy_radius", json!(city.location.accuracy_radius));
        put("$geoip_time_zone", json!(city.location.time_zone));
        for (at, part) in city.subdivisions.iter().take(3).enumerate() {
            put(&format!("$geoip_subdivision_{}_code", at + 1), json!(part.iso_code));
            put(&format!("$geoip_subdivision_{}_name", at + 1), json!(part.names.english));
        }
        (!place.is_empty()).then(|| Value::Object(place).to_string().into())
    }
}

#[cfg(test)]
pub(crate) mod tests;
