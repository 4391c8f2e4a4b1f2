//! Sessions: one row for each session id, computed from events.
//!
//! The table is a query over events, resolved like any other; columns nobody asks for are left out again.

use super::{Env, Relation, Resolver};
use crate::ast::Span;
use crate::fault::{ResolveError, Result};
use crate::resolved::{ArrayJoin, Body, Expr, Kind, RelationId, Select, Source};

/// Values of the first event, by the property they come from.
const ENTRY: [(&str, &str); 21] = [
    ("$entry_utm_source", "utm_source"),
    ("$entry_utm_campaign", "utm_campaign"),
    ("$entry_utm_medium", "utm_medium"),
    ("$entry_utm_term", "utm_term"),
    ("$entry_utm_content", "utm_content"),
    ("$entry_referring_domain", "$referring_domain"),
    ("$entry_referrer", "$referrer"),
    ("$entry_gclid", "gclid"),
    ("$entry_gad_source", "gad_source"),
    ("$entry_gclsrc", "gclsrc"),
    ("$entry_dclid", "dclid"),
    ("$entry_gbraid", "gbraid"),
    ("$entry_wbraid", "wbraid"),
    ("$entry_fbclid", "fbclid"),
    ("$entry_msclkid", "msclkid"),
    ("$entry_twclid", "twclid"),
    ("$entry_li_fat_id", "li_fat_id"),
    ("$entry_mc_cid", "mc_cid"),
    ("$entry_igshid", "igshid"),
    ("$entry_ttclid", "ttclid"),
    ("$entry__kx", "_kx"),
];

/// The query behind `sessions`.
fn text(bounce_seconds: u32) -> String {
    let value = |function: &str, property: &str| {
        format!("nullif(nullif({function}(ifNull(toString(properties.`{property}`), ''), timestamp), ''), 'null')")
    };
    let mut text = String::from(
        "select $session_id as session_id, $session_id as id, argMin(distinct_id, timestamp) as distinct_id, \
         min(timestamp) as $start_timestamp, max(timestamp) as $end_timestamp, max(created_at) as max_inserted_at, \
         arrayDistinct(arrayFilter(u -> notEmpty(u), groupArray(ifNull(toString(properties.$current_url), '')))) as $urls, \
         length($urls) as $num_uniq_urls, ",
    );
    for (prefix, function) in [("$entry", "argMin"), ("$end", "argMax"), ("$exit", "argMax")] {
        let url = value(function, "$current_url");
        let path = value(function, "$pathname");
        let host = value(function, "$host");
        text.push_str(&format!(
            "{url} as {prefix}_current_url, ifNull({path}, path({prefix}_current_url)) as {prefix}_pathname, \
             ifNull({host}, domain({prefix}_current_url)) as {prefix}_hostname, "
        ));
    }
    for (column, property) in ENTRY {
        text.push_str(&format!("{} as {column}, ", value("argMin", property)));
    }
    text.push_str(&format!("{} as $channel_type, ", super::channels::CHANNEL));
    text.push_str(&format!(
        "uniqExactIf(uuid, event = '$pageview') as $pageview_count, uniqExactIf(uuid, event = '$autocapture') as $autocapture_count, \
         uniqExactIf(uuid, event = '$screen') as $screen_count, \
         dateDiff('second', min(timestamp), max(timestamp)) as $session_duration, $session_duration as duration, \
         uniqExactIf(uuid, event in ('$pageview', '$screen', '$autocapture')) as $page_screen_autocapture_count_up_to, \
         if($page_screen_autocapture_count_up_to = 0, null, \
         toBool(not ($page_screen_autocapture_count_up_to > 1 or $session_duration >= {bounce_seconds}))) as $is_bounce, \
         nullif(argMaxIf(ifNull(toString(properties.$external_click_url), ''), timestamp, \
                      notEmpty(ifNull(toString(properties.$external_click_url), ''))), '') as $last_external_click_url, min(toFloat(toString(properties.$web_vitals_LCP_value))) as $vitals_lcp \
         from events where notEmpty($session_id) group by $session_id",
    ));
    text
}

impl Resolver<'_> {
    /// The sessions as a source and a relation called `name`.
    pub(super) fn sessions(&mut self, name: Option<&str>, span: Span) -> Result<(Source, Relation)> {
        let text = text(self.context.modifiers.bounce_seconds);
        let query = crate::parse_select(&text).map_err(|error| ResolveError::input(error.to_string(), span))?;
        let output = self.quietly(span, |this| this.query(&query, &Env::Root, false))?;
        let (source, mut relation) = self.subquery(output);
        relation.name = name.map(str::to_owned);
        relation.prune = true;
        Ok((source, relation))
    }
}

/// Leaves out the columns of sessions that `select` does not use.
pub(super) fn prune(select: &mut Select, relations: &[Relation]) {
    let mut prunable = Vec::new();
    collect(relations, &mut prunable);
    for relation in prunable {
        let mut used = Vec::new();
        {
            let mut note = |expr: &Expr| columns_of(expr, relation, &mut used);
            expressions(select, &mut note);
        }
        if let Some(source) = &mut select.source {
            shrink(source, relation, &used);
        }
    }
}

fn collect(relations: &[Relation], found: &mut Vec<RelationId>) {
    for relation in relations {
        if relation.prune {
            found.push(relation.id);
        }
        for joined in &relation.joined {
            collect(std::slice::from_ref(&joined.relation), found);
        }
    }
}

fn columns_of(expr: &Expr, wanted: RelationId, used: &mut Vec<String>) {
    if let Kind::Column { relation, name } = &expr.kind
        && *relation == wanted
    {
        used.push(name.to_string());
    }
    expr.operands(&mut |operand| columns_of(operand, wanted, used));
}

/// Every expression of `select` itself.
fn expressions(select: &Select, visit: &mut dyn FnMut(&Expr)) {
    let joins = |joins: &[ArrayJoin], visit: &mut dyn FnMut(&Expr)| {
        joins.iter().flat_map(|join| &join.items).for_each(|item| visit(&item.array));
    };
    joins(&select.array_joins, visit);
    joins(&select.late_array_joins, visit);
    select.filter.iter().chain(&select.having).chain(&select.qualify).for_each(&mut *visit);
    select.group_by.iter().flat_map(|group| &group.keys).for_each(&mut *visit);
    select.projection.iter().for_each(|column| visit(&column.expr));
    select.order_by.iter().for_each(|order| visit(&order.expr));
    select.limit_by.iter().flat_map(|limit| &limit.keys).for_each(&mut *visit);
    if let Some(source) = &select.source {
        conditions(source, visit);
    }
}

fn conditions(source: &Source, visit: &mut dyn FnMut(&Expr)) {
    if let Source::Join(join) = source {
        conditions(&join.left, visit);
        conditions(&join.right, visit);
        for (left, right) in &join.equal {
            visit(left);
            visit(right);
        }
        join.residual.iter().for_each(visit);
    }
}

fn shrink(source: &mut Source, wanted: RelationId, used: &[String]) {
    match source {
        Source::Join(join) => {
            shrink(&mut join.left, wanted, used);
            shrink(&mut join.right, wanted, used);
        }
        Source::Query { id, query } if *id == wanted => {
            let kept = |name: &str| used.iter().any(|column| column == name) || name == "session_id";
            query.columns.retain(|(name, _)| kept(name));
            if let Body::Select(select) = &mut query.body {
                select.projection.retain(|column| kept(&column.name));
            }
        }
        _ => {}
    }
}
