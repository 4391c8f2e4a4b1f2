//! Offset paging of the small lists: persons, projects.

use crate::error::ApiError;
use crate::params::Params;

/// Rows in the largest page of an offset-paged list.
const LIMIT_MAX: usize = 10_000;

/// A slice of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

impl Page {
    /// Reads `limit` (default 100) and `offset`.
    pub(crate) fn read(params: &Params) -> Result<Self, ApiError> {
        Self::read_or(params, 100)
    }

    /// As [`Page::read`], with another default.
    pub(crate) fn read_or(params: &Params, limit: usize) -> Result<Self, ApiError> {
        let number = |name: &'static str| match params.non_empty(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<usize>()
                .ok()
                .filter(|number| i64::try_from(*number).is_ok())
                .map(Some)
                .ok_or_else(|| ApiError::invalid(name, format!("'{text}' is not a positive integer."))),
        };
        let limit = number("limit")?.filter(|limit| *limit > 0).unwrap_or(limit);
        if limit > LIMIT_MAX {
            return Err(ApiError::invalid("limit", format!("limit {limit} is above the maximum of {LIMIT_MAX}.")));
        }
        Ok(Self { limit, offset: number("offset")?.unwrap_or(0) })
    }
}

/// The links to the following and the previous page: the request's own URL with `limit` and `offset` replaced.
pub(crate) fn page_links(
    base_url: &str,
    path: &str,
    params: &Params,
    page: Page,
    more: bool,
) -> (Option<String>, Option<String>) {
    let link = |offset: usize| {
        let mut params = params.clone();
        params.set("limit", page.limit.to_string());
        params.set("offset", offset.to_string());
        format!("{base_url}{path}?{}", params.encode())
    };
    let next = more.then(|| link(page.offset.saturating_add(page.limit)));
    let previous = (page.offset > 0).then(|| link(page.offset.saturating_sub(page.limit)));
    (next, previous)
}
