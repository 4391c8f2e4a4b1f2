//! The Events API: list, retrieve, values.

mod condition;
mod csv;
mod elements;
mod link;
mod list;
mod select;
mod shape;
mod values;

use axum::response::Response;
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;
use crate::guard::negotiate;
use crate::wire::json_text;

pub(crate) use elements::decode_chain;
pub(crate) use list::{list, warned};
pub(crate) use shape::{EventShape, EventsAnswer};
pub(crate) use values::{ValuesAnswer, values};

/// `GET …/events/:id`: one event, whenever it happened.
pub(crate) async fn retrieve(call: Call) -> Result<Response, ApiError> {
    let project = call.project_id()?;
    let as_csv = negotiate(&call.headers, &call.params, &["json", "csv"])? == "csv";
    let id = call.name("id");
    let uuid = Uuid::parse_str(id).map_err(|_| ApiError::InvalidUuid)?;
    let row = call.app.engine.event(project, uuid).await?;
    let row = row.ok_or_else(|| ApiError::NotFound(format!("No events exist for event UUID {id}")))?;
    let persons = if call.params.is_true("include_person") {
        shape::Persons::of(&call.app, project, std::slice::from_ref(&row))?
    } else {
        shape::Persons::left_out()
    };
    if as_csv {
        return csv::page(vec![row], persons, csv::formulas(&call.params));
    }
    let mut body = String::new();
    shape::write_event(&mut body, &row, &persons);
    Ok(json_text(body))
}
