//! Where visitors come from: what hosts, sources and media are known to be, and the channel of a session.

use super::Resolver;
use crate::ast::Span;
use crate::fault::Result;
use crate::resolved::Expr;

/// Hosts, and the names that campaigns give them as sources, by what they are.
const SOURCES: [(&str, &[&str]); 5] = [
    (
        "Search",
        &[
            "google",
            "google.com",
            "www.google.com",
            "google.co.uk",
            "google.de",
            "google.fr",
            "google.es",
            "google.it",
            "google.nl",
            "google.ca",
            "google.co.in",
            "google.co.jp",
            "google.com.au",
            "google.com.br",
            "adwords",
            "googleads",
            "bing",
            "bing.com",
            "www.bing.com",
            "yahoo",
            "yahoo.com",
            "search.yahoo.com",
            "duckduckgo",
            "duckduckgo.com",
            "baidu",
            "baidu.com",
            "www.baidu.com",
            "yandex",
            "yandex.ru",
            "yandex.com",
            "ecosia",
            "ecosia.org",
            "www.ecosia.org",
            "qwant",
            "qwant.com",
            "startpage",
            "startpage.com",
            "brave",
            "search.brave.com",
            "kagi",
            "kagi.com",
            "naver",
            "naver.com",
            "search.naver.com",
            "ask.com",
            "aol",
            "search.aol.com",
            "sogou",
            "sogou.com",
            "so.com",
            "seznam",
            "seznam.cz",
            "presearch.com",
            "searx.me",
        ],
    ),
    (
        "Social",
        &[
            "facebook",
            "facebook.com",
            "www.facebook.com",
            "m.facebook.com",
            "l.facebook.com",
            "lm.facebook.com",
            "fb",
            "fb.me",
            "meta",
            "instagram",
            "instagram.com",
            "www.instagram.com",
            "l.instagram.com",
            "ig",
            "twitter",
            "twitter.com",
            "t.co",
            "x.com",
            "linkedin",
            "linkedin.com",
            "www.linkedin.com",
            "lnkd.in",
            "reddit",
            "reddit.com",
            "www.reddit.com",
            "old.reddit.com",
            "out.reddit.com",
            "pinterest",
            "pinterest.com",
            "www.pinterest.com",
            "tiktok",
            "tiktok.com",
            "www.tiktok.com",
            "snapchat",
            "snapchat.com",
            "threads",
            "threads.net",
            "l.threads.net",
            "bluesky",
            "bsky.app",
            "mastodon",
            "mastodon.social",
            "news.ycombinator.com",
            "quora",
            "quora.com",
            "www.quora.com",
            "tumblr",
            "tumblr.com",
            "vk",
            "vk.com",
            "weibo",
            "weibo.com",
            "whatsapp",
            "whatsapp.com",
            "telegram",
            "t.me",
            "discord",
            "discord.com",
            "slack",
            "slack.com",
            "line",
            "line.me",
            "wechat",
            "wechat.com",
            "medium.com",
            "xing",
            "xing.com",
        ],
    ),
    (
        "Shopping",
        &[
            "amazon",
            "amazon.com",
            "www.amazon.com",
            "amazon.co.uk",
            "amazon.de",
            "ebay",
            "ebay.com",
            "www.ebay.com",
            "etsy",
            "etsy.com",
            "www.etsy.com",
            "walmart",
            "walmart.com",
            "www.walmart.com",
            "alibaba",
            "alibaba.com",
            "aliexpress",
            "aliexpress.com",
            "shopify",
            "shopping",
            "shopzilla.com",
            "shopping.google.com",
            "rakuten",
            "rakuten.com",
            "mercadolibre.com",
            "target.com",
            "zalando",
            "zalando.de",
        ],
    ),
    (
        "Video",
        &[
            "youtube",
            "youtube.com",
            "www.youtube.com",
            "m.youtube.com",
            "youtu.be",
            "vimeo",
            "vimeo.com",
            "twitch",
            "twitch.tv",
            "www.twitch.tv",
            "dailymotion",
            "dailymotion.com",
            "netflix.com",
            "hulu.com",
            "disneyplus.com",
            "bilibili.com",
            "rumble.com",
        ],
    ),
    (
        "AI",
        &[
            "chatgpt",
            "chatgpt.com",
            "chat.openai.com",
            "perplexity",
            "perplexity.ai",
            "www.perplexity.ai",
            "gemini.google.com",
            "copilot.microsoft.com",
            "chat.mistral.ai",
            "you.com",
        ],
    ),
];

/// Media, and the channel they stand for where nobody paid; an empty one stands for none.
const MEDIA: [(&str, &str, &str); 24] = [
    ("social", "Organic Social", "Paid Social"),
    ("social-network", "Organic Social", "Paid Social"),
    ("social-media", "Organic Social", "Paid Social"),
    ("social_media", "Organic Social", "Paid Social"),
    ("paidsocial", "", "Paid Social"),
    ("paid_social", "", "Paid Social"),
    ("paid-social", "", "Paid Social"),
    ("organic", "Organic Search", ""),
    ("search", "Organic Search", "Paid Search"),
    ("paidsearch", "", "Paid Search"),
    ("video", "Organic Video", "Paid Video"),
    ("paidvideo", "", "Paid Video"),
    ("shopping", "Organic Shopping", "Paid Shopping"),
    ("display", "Display", "Display"),
    ("banner", "Display", "Display"),
    ("interstitial", "Display", "Display"),
    ("email", "Email", "Email"),
    ("e-mail", "Email", "Email"),
    ("newsletter", "Email", "Email"),
    ("affiliate", "Affiliate", "Affiliate"),
    ("referral", "Referral", "Referral"),
    ("audio", "Audio", "Audio"),
    ("sms", "SMS", "SMS"),
    ("push", "Push", "Push"),
];

/// The pairs that a function looks its argument up in; `None` if it looks up nothing.
fn pairs(function: &str) -> Option<Vec<(&'static str, String)>> {
    let sources = |kind: fn(&str) -> String| {
        SOURCES.iter().flat_map(|(what, names)| names.iter().map(move |name| (*name, kind(what)))).collect()
    };
    let media = |of: fn(&(&str, &str, &'static str)) -> String| {
        MEDIA.iter().map(|medium| (medium.0, of(medium))).filter(|(_, channel)| !channel.is_empty()).collect()
    };
    let organic = |what: &str| if what == "AI" { what.to_owned() } else { format!("Organic {what}") };
    Some(match function.strip_prefix("hogql_").unwrap_or(function) {
        "lookupDomainType" => sources(str::to_owned),
        "lookupPaidSourceType" => sources(|what| format!("Paid {what}")),
        "lookupOrganicSourceType" => sources(organic),
        "lookupPaidMediumType" => media(|medium| medium.2.to_owned()),
        "lookupOrganicMediumType" => media(|medium| medium.1.to_owned()),
        _ => return None,
    })
}

/// The channel of a session, in HogQL over its other columns. Campaigns say most; else it is who sent the visitor.
pub(super) const CHANNEL: &str = "multiIf(\
     lower(ifNull($entry_utm_campaign, '')) = 'cross-network', 'Cross Network', \
     lower(ifNull($entry_utm_medium, '')) in ('cpc', 'cpm', 'cpv', 'cpa', 'ppc', 'retargeting') \
       or startsWith(lower(ifNull($entry_utm_medium, '')), 'paid') or $entry_gclid is not null or $entry_gad_source is not null, \
     coalesce(lookupPaidSourceType($entry_utm_source), \
       if(match(lower(ifNull($entry_utm_campaign, '')), '(^|[^a-z])shop'), 'Paid Shopping', null), \
       lookupPaidMediumType($entry_utm_medium), lookupPaidSourceType($entry_referring_domain), \
       multiIf($entry_gad_source = '1' or $entry_gclid is not null, 'Paid Search', \
         match(lower(ifNull($entry_utm_campaign, '')), 'video'), 'Paid Video', 'Paid Unknown')), \
     ifNull($entry_referring_domain, '') = '$direct' and $entry_utm_medium is null \
       and lower(ifNull($entry_utm_source, 'direct')) in ('direct', '(direct)'), \
     'Direct', \
     coalesce(lookupOrganicSourceType($entry_utm_source), \
       if(match(lower(ifNull($entry_utm_campaign, '')), '(^|[^a-z])shop'), 'Organic Shopping', null), \
       lookupOrganicMediumType($entry_utm_medium), lookupOrganicSourceType($entry_referring_domain), \
       multiIf(match(lower(ifNull($entry_utm_campaign, '')), 'video'), 'Organic Video', \
         endsWith(lower(ifNull($entry_utm_medium, '')), 'push'), 'Push', \
         $entry_referring_domain is not null and $entry_referring_domain != '$direct', 'Referral', 'Unknown')))";

impl Resolver<'_> {
    /// A call that looks `value` up among known hosts, sources or media; `None` if `function` is another one.
    pub(super) fn look_up_channel(&mut self, function: &str, value: &Expr, span: Span) -> Result<Option<Expr>> {
        let Some(pairs) = pairs(function) else { return Ok(None) };
        let nothing = || Expr::string("");
        // Lists as one text each: the tree stays small, and both engines take them apart once.
        let (from, to): (Vec<&str>, Vec<String>) = pairs.into_iter().unzip();
        let list =
            |this: &mut Self, text: String| this.call("splitByChar", vec![Expr::string(","), Expr::string(text)], span);
        let (from, to) = (list(self, from.join(","))?, list(self, to.join(","))?);
        let text = self.call("lower", vec![value.clone()], span)?;
        let text = self.call("ifNull", vec![text, nothing()], span)?;
        let found = self.call("transform", vec![text, from, to, nothing()], span)?;
        self.call("nullIf", vec![found, nothing()], span).map(Some)
    }
}
