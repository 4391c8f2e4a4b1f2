use super::*;

/// Made up with the Python package `mmdb_writer`: 203.0.113.0/24 is a city, 198.51.100.0/24 and 2001:db8::/32 are countries.
pub(crate) const MADE_UP: &[u8] = include_bytes!("made_up.mmdb");

fn place(address: &str) -> Option<Value> {
    let geoip = GeoIp::new(MADE_UP.to_vec()).unwrap();
    let first = geoip.place(address);
    assert_eq!(geoip.place(address), first, "remembered as it was found");
    first.map(|place| serde_json::from_str(&place).unwrap())
}

#[test]
fn a_city_has_all_that_is_known_of_it() {
    let expected = json!({
        "$geoip_city_name": "Bern", "$geoip_country_name": "Switzerland", "$geoip_country_code": "CH",
        "$geoip_continent_name": "Europe", "$geoip_continent_code": "EU", "$geoip_postal_code": "3011",
        "$geoip_latitude": 46.948, "$geoip_longitude": 7.4474, "$geoip_accuracy_radius": 20,
        "$geoip_time_zone": "Europe/Zurich", "$geoip_subdivision_1_code": "BE",
        "$geoip_subdivision_1_name": "Canton of Bern",
    });
    assert_eq!(place("203.0.113.7"), Some(expected));
    assert_eq!(place("198.51.100.1"), Some(json!({"$geoip_country_name": "New Zealand", "$geoip_country_code": "NZ"})));
    assert_eq!(place("2001:db8::1").unwrap()["$geoip_country_code"], json!("IS"));
}

#[test]
fn what_is_nowhere_has_no_place() {
    for address in ["127.0.0.1", "192.0.2.1", "", "here"] {
        assert_eq!(place(address), None, "{address}");
    }
}

#[test]
fn what_is_no_database_is_refused() {
    assert!(GeoIp::new(b"no database".to_vec()).is_err());
}
