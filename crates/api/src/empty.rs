//! Lists of things that Hedgerow does not have: annotations, insights, dashboards, feature flags, experiments. Clients that
//! look for them find none.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::call::Call;
use crate::error::ApiError;
use crate::paging::Page;
use crate::wire::write_json;

/// A page of nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmptyPage {
    count: usize,
    next: Option<String>,
    previous: Option<String>,
    #[schema(value_type = Vec<Object>, max_items = 0)]
    results: [(); 0],
}

/// Lists none.
pub(crate) async fn list(call: Call) -> Result<Response, ApiError> {
    Page::read(&call.params)?;
    Ok(write_json(&EmptyPage { count: 0, next: None, previous: None, results: [] }))
}
