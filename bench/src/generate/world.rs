//! What there is: browsers, countries, pages, names of events and properties, and how common each of them is.

use super::random::Weighted;

/// A name, how common it is, and a version.
type Software = (&'static str, f64, &'static str);

#[rustfmt::skip]
pub(super) const BROWSERS: &[Software] = &[
    ("Chrome", 0.55, "137.0"), ("Safari", 0.14, "18.4"), ("Mobile Safari", 0.13, "18.5"), ("Firefox", 0.06, "139.0"),
    ("Microsoft Edge", 0.06, "136.0"), ("Samsung Internet", 0.025, "27.0"), ("Chrome iOS", 0.02, "136.0"),
    ("Opera", 0.01, "118.0"), ("Brave", 0.003, "1.78"), ("Android Mobile", 0.002, "4.0"),
];
#[rustfmt::skip]
pub(super) const SYSTEMS: &[Software] = &[
    ("Windows", 0.38, "10.0"), ("Mac OS X", 0.27, "10.15.7"), ("iOS", 0.15, "18.5.0"), ("Android", 0.13, "15"),
    ("Linux", 0.05, ""), ("Chrome OS", 0.02, "16181.61.0"),
];

/// Where somebody is.
#[derive(Debug)]
pub(super) struct Country {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) continent: &'static str,
    pub(super) time_zone: &'static str,
    pub(super) city: &'static str,
}

const fn country(
    code: &'static str,
    name: &'static str,
    continent: &'static str,
    time_zone: &'static str,
    city: &'static str,
) -> Country {
    Country { code, name, continent, time_zone, city }
}

pub(super) const COUNTRIES: &[Country] = &[
    country("US", "United States", "North America", "America/New_York", "New York"),
    country("GB", "United Kingdom", "Europe", "Europe/London", "London"),
    country("DE", "Germany", "Europe", "Europe/Berlin", "Berlin"),
    country("FR", "France", "Europe", "Europe/Paris", "Paris"),
    country("IN", "India", "Asia", "Asia/Kolkata", "Bengaluru"),
    country("BR", "Brazil", "South America", "America/Sao_Paulo", "São Paulo"),
    country("CA", "Canada", "North America", "America/Toronto", "Toronto"),
    country("NL", "Netherlands", "Europe", "Europe/Amsterdam", "Amsterdam"),
    country("ES", "Spain", "Europe", "Europe/Madrid", "Madrid"),
    country("JP", "Japan", "Asia", "Asia/Tokyo", "Tokyo"),
    country("AU", "Australia", "Oceania", "Australia/Sydney", "Sydney"),
    country("SE", "Sweden", "Europe", "Europe/Stockholm", "Stockholm"),
];

#[rustfmt::skip]
pub(super) const SCREENS: &[(u64, u64)] = &[
    (1920, 1080), (1440, 900), (1536, 864), (2560, 1440), (390, 844), (393, 852), (412, 915), (1366, 768), (3840, 2160),
    (820, 1180),
];
pub(super) const LANGUAGES: &[&str] =
    &["en-US", "en-GB", "de-DE", "fr-FR", "pt-BR", "es-ES", "nl-NL", "ja-JP", "sv-SE", "hi-IN"];
/// Addresses and their domains.
pub(super) const REFERRERS: &[(&str, &str)] = &[
    ("$direct", "$direct"),
    ("https://www.google.com/", "www.google.com"),
    ("https://t.co/", "t.co"),
    ("https://news.ycombinator.com/", "news.ycombinator.com"),
    ("https://www.linkedin.com/", "www.linkedin.com"),
    ("https://github.com/", "github.com"),
    ("https://www.bing.com/", "www.bing.com"),
    ("https://chatgpt.com/", "chatgpt.com"),
];
pub(super) const UTM_SOURCES: &[&str] =
    &["google", "newsletter", "twitter", "linkedin", "facebook", "partner", "podcast", "reddit"];
pub(super) const UTM_MEDIUMS: &[&str] = &["cpc", "email", "social", "referral", "display"];
pub(super) const PLANS: &[&str] = &["free", "starter", "growth", "scale", "enterprise"];
pub(super) const MAIL_DOMAINS: &[&str] = &["acme", "globex", "initech", "umbrella", "hooli"];
pub(super) const TAGS: &[&str] = &["button", "a", "div", "span", "input", "svg", "li", "label"];
#[rustfmt::skip]
pub(super) const TEXTS: &[&str] = &[
    "Sign up", "Log in", "Get started", "Save", "Next", "Continue to checkout", "Add to cart", "View plans", "Cancel",
    "Docs", "Invite teammate", "Create project", "Search", "Apply filter", "Export CSV", "Delete",
];

/// Events the SDKs send by themselves, and how common they are.
#[rustfmt::skip]
const SYSTEM_EVENTS: &[(&str, f64)] = &[
    ("$pageview", 29.0), ("$autocapture", 27.0), ("$pageleave", 13.0), ("$feature_flag_called", 6.0),
    ("$web_vitals", 4.5), ("$identify", 2.0), ("$set", 1.5), ("$rageclick", 0.4), ("$exception", 0.6),
    ("$opt_in", 0.05),
];
/// Events the customer named, the most common first.
#[rustfmt::skip]
const CUSTOM_EVENTS: &[&str] = &[
    "add_to_cart", "signup_started", "purchase_completed", "signup_completed", "project_created", "search_performed",
    "file_uploaded", "invite_sent", "checkout_started", "video_played", "report_viewed", "dashboard_opened",
    "filter_applied", "export_requested", "comment_added", "plan_upgraded", "plan_downgraded",
    "subscription_cancelled", "notification_clicked", "onboarding_step", "api_key_created", "integration_connected",
    "settings_changed", "theme_toggled", "feedback_submitted", "help_opened", "trial_started", "coupon_applied",
    "payment_failed", "email_opened",
];
/// Weight of the most common of them.
const CUSTOM_EVENT_WEIGHT: f64 = 5.2;

/// Properties the customer named; there are many, and most are rare.
const CUSTOM_PROPERTIES: usize = 200;
const CUSTOM_PROPERTY_WORDS: [&str; 10] =
    ["color", "section", "variant", "source", "score", "level", "region", "channel", "status", "version"];

const PLAIN_PATHS: [&str; 14] = [
    "/",
    "/pricing",
    "/docs",
    "/login",
    "/signup",
    "/blog",
    "/dashboard",
    "/checkout",
    "/pricing/enterprise",
    "/settings/profile",
    "/checkout/payment",
    "/about",
    "/careers",
    "/changelog",
];
#[rustfmt::skip]
const TOPICS: [&str; 20] = [
    "analytics", "getting-started", "api-reference", "webhooks", "exports", "sdk-javascript", "self-hosting", "cohorts",
    "funnels", "retention", "feature-flags", "experiments", "billing", "security", "permissions", "migrations", "kafka",
    "columnar-storage", "parquet", "observability",
];

/// What an event is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Named by the customer rather than by an SDK.
    pub(super) is_custom: bool,
}

/// The first event of every visit.
pub(super) const PAGE_VIEW: Kind = Kind { name: SYSTEM_EVENTS[0].0, is_custom: false };

/// Everything that can be picked, with its weights worked out.
#[derive(Debug)]
pub(super) struct World {
    /// Who visits: a few people do often.
    pub(super) visitors: Weighted,
    pub(super) persons: usize,
    pub(super) browsers: Weighted,
    pub(super) systems: Weighted,
    pub(super) kinds: Weighted,
    pub(super) paths: Vec<String>,
    pub(super) path_weights: Weighted,
    pub(super) custom_properties: Vec<String>,
    pub(super) custom_property_weights: Weighted,
}

impl World {
    /// A world with this many people.
    pub(super) fn new(persons: usize) -> Self {
        let paths = paths();
        Self {
            visitors: Weighted::zipf(persons, 0.75),
            persons,
            browsers: weights_of(BROWSERS),
            systems: weights_of(SYSTEMS),
            kinds: kind_weights(),
            path_weights: Weighted::zipf(paths.len(), 0.9),
            paths,
            custom_properties: custom_properties(),
            custom_property_weights: Weighted::zipf(CUSTOM_PROPERTIES, 1.1),
        }
    }

    /// The kind that [`World::kinds`] calls `index`.
    pub(super) fn kind(index: usize) -> Kind {
        match SYSTEM_EVENTS.get(index) {
            Some((name, _)) => Kind { name, is_custom: false },
            None => Kind { name: CUSTOM_EVENTS[index - SYSTEM_EVENTS.len()], is_custom: true },
        }
    }
}

fn weights_of(software: &[Software]) -> Weighted {
    Weighted::new(&software.iter().map(|(_, weight, _)| *weight).collect::<Vec<_>>())
}

fn kind_weights() -> Weighted {
    let mut weights: Vec<f64> = SYSTEM_EVENTS.iter().map(|(_, weight)| *weight).collect();
    weights.extend((1..=CUSTOM_EVENTS.len()).map(|rank| CUSTOM_EVENT_WEIGHT / rank as f64));
    Weighted::new(&weights)
}

fn custom_properties() -> Vec<String> {
    let name = |number: usize| {
        let word = CUSTOM_PROPERTY_WORDS[number % CUSTOM_PROPERTY_WORDS.len()];
        format!("{word}_{number}")
    };
    (0..CUSTOM_PROPERTIES).map(name).collect()
}

/// Pages, the most visited first.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = PLAIN_PATHS.map(str::to_owned).to_vec();
    paths.extend(TOPICS.map(|topic| format!("/docs/{topic}")));
    for (index, one) in TOPICS.iter().enumerate() {
        paths.extend(TOPICS[index + 1..].iter().map(|other| format!("/blog/{one}-and-{other}")));
    }
    paths
}
