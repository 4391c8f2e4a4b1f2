//! The properties of an event and of its person, as JSON.
//!
//! Keys stand in the order in which SDKs would send them, and values are drawn in that order.

use std::fmt::Write as _;

use super::json::Object;
use super::person::Person;
use super::random::Random;
use super::visit::Visit;
use super::world::{BROWSERS, COUNTRIES, Kind, LANGUAGES, PLANS, REFERRERS, SCREENS, SYSTEMS, TAGS, TEXTS, World};
use super::world::{UTM_MEDIUMS, UTM_SOURCES};

/// Most properties of the customer's own in one event.
const CUSTOM_MAX: usize = 8;
const INSERT_ID_DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const EXCEPTION_LIST: &str = r#"[{"type":"TypeError","value":"x is undefined","stacktrace":{"frames":[{"filename":"app.js","lineno":1203,"colno":14,"in_app":true},{"filename":"vendor.js","lineno":88,"colno":9,"in_app":false}]}}]"#;

/// What an event's properties depend on, apart from chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) world: &'a World,
    pub(super) visit: &'a Visit,
    pub(super) kind: Kind,
    /// Whether it opens the visit.
    pub(super) is_first: bool,
    /// Whether a server sent it rather than a browser.
    pub(super) from_server: bool,
    pub(super) unix_ms: i64,
}

/// Replaces `text` by the event's properties and `chain` by its elements chain.
pub(super) fn write_event(moment: &Moment<'_>, random: &mut Random, text: &mut String, chain: &mut String) {
    chain.clear();
    let mut object = Object::start(text);
    if moment.from_server {
        object.string("$lib", "posthog-node");
        object.string("$lib_version", "4.18.0");
        object.boolean("$geoip_disable", random.chance(0.5));
    } else {
        write_device(&mut object, moment);
        write_library(&mut object, moment, random);
        write_identity(&mut object, moment);
    }
    write_place(&mut object, &moment.visit.person);
    write_specific(&mut object, moment, random, chain);
    write_custom(&mut object, moment, random);
    object.end();
}

/// Replaces `text` by the person's properties.
pub(super) fn write_person(person: &Person, text: &mut String) {
    let mut object = Object::start(text);
    if person.is_identified {
        object.string("email", &person.email);
        object.value("name", format_args!("\"User {}\"", person.number));
        object.string("plan", PLANS[person.plan]);
        object.value("seats", person.number % 40);
    }
    let (referrer, referring_domain) = REFERRERS[person.referrer];
    let country = &COUNTRIES[person.country];
    object.string("$initial_os", SYSTEMS[person.system].0);
    object.string("$initial_browser", BROWSERS[person.browser].0);
    object.string("$initial_referrer", referrer);
    object.string("$initial_referring_domain", referring_domain);
    object.string("$initial_pathname", "/");
    object.string("$geoip_country_code", country.code);
    object.string("$geoip_city_name", country.city);
    object.string("$initial_device_type", if SCREENS[person.screen].0 < 500 { "Mobile" } else { "Desktop" });
    object.string("$creator_event_uuid", &person.device_id);
    object.end();
}

/// Device, browser and page.
fn write_device(object: &mut Object<'_>, moment: &Moment<'_>) {
    let Moment { world, visit, .. } = moment;
    let person = &visit.person;
    let (browser, _, browser_version) = BROWSERS[person.browser];
    let (system, _, system_version) = SYSTEMS[person.system];
    let (width, height) = SCREENS[person.screen];
    object.string("$os", system);
    object.string("$os_version", system_version);
    object.string("$browser", browser);
    object.value("$browser_version", browser_version.split_once('.').map_or(browser_version, |(major, _)| major));
    object.string("$device_type", device_type(width));

    // One page in seven belongs to the application, and its address has ids in it.
    let in_application = visit.path % 7 == 6;
    let host = if in_application { "app.example.com" } else { "www.example.com" };
    let mut path = world.paths[visit.path].clone();
    if in_application {
        write!(path, "/project/{}/insights/{}", visit.project, visit.insight).ok();
    }
    let query = visit.campaign.map_or_else(String::new, |campaign| {
        let (source, medium) = (UTM_SOURCES[campaign.source], UTM_MEDIUMS[campaign.medium]);
        format!("?utm_source={source}&utm_medium={medium}&utm_campaign=campaign-{}", campaign.number)
    });
    object.plain("$current_url", &["https://", host, &path, &query]);
    object.string("$host", host);
    object.string("$pathname", &path);

    object.string("$raw_user_agent", &person.user_agent);
    object.string("$browser_language", LANGUAGES[person.language]);
    object.value("$screen_height", height);
    object.value("$screen_width", width);
    object.value("$viewport_height", height - 80 - person.number % 60);
    object.value("$viewport_width", width - person.number % 16);
    object.string("$timezone", COUNTRIES[person.country].time_zone);
    object.value("$timezone_offset", (person.country.cast_signed() - 6) * 60);
}

fn device_type(width: u64) -> &'static str {
    match width {
        0..500 => "Mobile",
        500..900 => "Tablet",
        _ => "Desktop",
    }
}

/// What the SDK adds of its own.
fn write_library(object: &mut Object<'_>, moment: &Moment<'_>, random: &mut Random) {
    object.string("$lib", "web");
    object.string("$lib_version", if moment.unix_ms % 3 == 0 { "1.249.2" } else { "1.248.0" });
    let insert_id: String = (0..16).map(|_| char::from(random.pick(INSERT_ID_DIGITS))).collect();
    object.string("$insert_id", &insert_id);
    object.decimal("$time", moment.unix_ms as f64 / 1_000.0, 3);
}

/// Who it is, where they came from, and what is switched on for them.
fn write_identity(object: &mut Object<'_>, moment: &Moment<'_>) {
    let Moment { visit, .. } = moment;
    let person = &visit.person;
    object.string("distinct_id", &person.distinct_id);
    object.string("$device_id", &person.device_id);
    let (referrer, referring_domain) = REFERRERS[visit.referrer];
    object.string("$referrer", referrer);
    object.string("$referring_domain", referring_domain);
    object.string("$session_id", &visit.session_id);
    object.string("$window_id", &visit.window_id);
    object.string("$pageview_id", &visit.page_view_id);
    object.boolean("$is_identified", person.is_identified);
    object.boolean("$process_person_profile", person.is_identified);
    object.string("token", "phc_9yQ0bVn2YkZ3mW7sT1xR5uL8pD4fH6jK");
    if let Some(campaign) = visit.campaign {
        object.string("utm_source", UTM_SOURCES[campaign.source]);
        object.string("utm_medium", UTM_MEDIUMS[campaign.medium]);
        object.value("utm_campaign", format_args!("\"campaign-{}\"", campaign.number));
    }
    if person.number.is_multiple_of(3) {
        object.value("$active_feature_flags", r#"["new-nav","beta-editor","pricing-test"]"#);
        object.string("$feature/pricing-test", if person.number.is_multiple_of(2) { "control" } else { "test" });
        object.boolean("$feature/new-nav", true);
    }
}

fn write_place(object: &mut Object<'_>, person: &Person) {
    let country = &COUNTRIES[person.country];
    object.string("$geoip_city_name", country.city);
    object.string("$geoip_country_name", country.name);
    object.string("$geoip_country_code", country.code);
    object.string("$geoip_continent_name", country.continent);
    object.string("$geoip_time_zone", country.time_zone);
    object.decimal("$geoip_latitude", person.latitude, 4);
    object.decimal("$geoip_longitude", person.longitude, 4);
}

/// What only events of this kind have.
fn write_specific(object: &mut Object<'_>, moment: &Moment<'_>, random: &mut Random, chain: &mut String) {
    let plan = PLANS[moment.visit.person.plan];
    match moment.kind.name {
        "$pageview" => write_page_view(object, moment),
        "$autocapture" | "$rageclick" => write_click(object, random, chain),
        "$pageleave" => {
            object.string("$prev_pageview_pathname", &moment.world.paths[moment.visit.path]);
            object.decimal("$prev_pageview_duration", random.exponential() * 35.0, 3);
            object.decimal("$prev_pageview_max_scroll_percentage", random.unit(), 4);
            object.value("$prev_pageview_max_scroll", random.below(4_000));
        }
        "$feature_flag_called" => {
            object.string("$feature_flag", random.pick(&["new-nav", "beta-editor", "pricing-test", "onboarding-v2"]));
            if random.chance(0.5) {
                object.boolean("$feature_flag_response", true);
            } else {
                object.string("$feature_flag_response", "control");
            }
        }
        "$web_vitals" => {
            object.decimal("$web_vitals_LCP_value", 300.0 + random.exponential() * 1_200.0, 1);
            object.decimal("$web_vitals_CLS_value", random.unit() * 0.3, 4);
            object.decimal("$web_vitals_INP_value", random.unit() * 400.0, 0);
        }
        "$identify" | "$set" => write_identify(object, moment),
        "$exception" => {
            object.string("$exception_type", random.pick(&["TypeError", "RangeError", "NetworkError"]));
            object.string("$exception_message", "Cannot read properties of undefined (reading \"map\")");
            object.value("$exception_list", EXCEPTION_LIST);
        }
        "purchase_completed" | "add_to_cart" | "checkout_started" | "plan_upgraded" => {
            write_purchase(object, random, plan);
        }
        _ => object.string("plan", plan),
    }
}

fn write_page_view(object: &mut Object<'_>, moment: &Moment<'_>) {
    let Moment { world, visit, .. } = moment;
    let page = world.paths[visit.path].rsplit('/').next().unwrap_or_default();
    object.plain("title", &[if page.is_empty() { "Home" } else { page }, " | Example"]);
    if !moment.is_first {
        object.string("$prev_pageview_pathname", &world.paths[visit.previous_path]);
    }
}

fn write_click(object: &mut Object<'_>, random: &mut Random, chain: &mut String) {
    let (tag, text) = (random.pick(TAGS), random.pick(TEXTS));
    object.string("$event_type", "click");
    object.value("$ce_version", 1);
    object.string("$el_text", text);
    let child = 1 + random.below(6);
    let data_id = random.below(500);
    write!(
        chain,
        "{tag}.btn.btn-primary:attr__class=\"btn btn-primary\"attr__data-id=\"{data_id}\"nth-child=\"{child}\"\
         nth-of-type=\"1\"text=\"{text}\";div.card-body:attr__class=\"card-body\"nth-child=\"2\"nth-of-type=\"2\";\
         main:nth-child=\"1\"nth-of-type=\"1\";body:nth-child=\"2\"nth-of-type=\"1\"",
    )
    .ok();
}

fn write_identify(object: &mut Object<'_>, moment: &Moment<'_>) {
    let person = &moment.visit.person;
    let (email, plan) = (&person.email, PLANS[person.plan]);
    object.value("$set", format_args!(r#"{{"email":"{email}","plan":"{plan}"}}"#));
    object.value("$set_once", format_args!(r#"{{"initial_country":"{}"}}"#, COUNTRIES[person.country].code));
    if moment.kind.name == "$identify" {
        object.string("$anon_distinct_id", &person.device_id);
    }
}

fn write_purchase(object: &mut Object<'_>, random: &mut Random, plan: &str) {
    let amount = (random.exponential() * 80.0 * 100.0).round() / 100.0 + 1.0;
    object.decimal("amount", amount, 2);
    object.string("currency", random.pick(&["USD", "EUR", "GBP"]));
    object.string("plan", plan);
    let mut items = String::from("[");
    for index in 0..1 + random.below(3) {
        let comma = if index > 0 { "," } else { "" };
        let (sku, quantity) = (random.below(2_000), 1 + random.below(4));
        let (units, cents) = (random.below(90), random.below(100));
        write!(items, r#"{comma}{{"sku":"sku-{sku}","qty":{quantity},"price":{units}.{cents:02}}}"#).ok();
    }
    items.push(']');
    object.value("items", items);
}

/// Properties the customer made up: any of many, each always of the same type but for those that cannot decide.
fn write_custom(object: &mut Object<'_>, moment: &Moment<'_>, random: &mut Random) {
    let count = if moment.kind.is_custom { 2 + random.index(5) } else { usize::from(random.chance(0.35)) };
    let mut used = [usize::MAX; CUSTOM_MAX];
    for slot in 0..count {
        let number = moment.world.custom_property_weights.sample(random);
        if used.contains(&number) {
            continue;
        }
        used[slot] = number;
        let key = &moment.world.custom_properties[number];
        match number % 8 {
            0 | 5 => object.value(key, format_args!("\"value-{}\"", random.below(50))),
            1 => object.value(key, random.below(1_000)),
            2 => object.boolean(key, random.chance(0.5)),
            3 => object.decimal(key, random.unit() * 100.0, 3),
            4 => object.value(key, format_args!(r#"["t{}","t{}"]"#, random.below(20), random.below(20))),
            6 => object.value(key, format_args!(r#"{{"a":{},"b":"x{}"}}"#, random.below(10), random.below(10))),
            _ => write_undecided(object, key, random),
        }
    }
}

/// Mostly a number, at times a number in quotes, at times nothing.
fn write_undecided(object: &mut Object<'_>, key: &str, random: &mut Random) {
    match random.below(10) {
        0..=6 => object.value(key, random.below(500)),
        7 | 8 => object.value(key, format_args!("\"{}\"", random.below(500))),
        _ => object.value(key, "null"),
    }
}
