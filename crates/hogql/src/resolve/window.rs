//! Window functions.

use super::aggregate::windowed;
use super::{Resolver, Scope};
use crate::ast::{self, FrameBound, FrameUnit, Over, Span};
use crate::catalogue::FunctionKind;
use crate::fault::{ResolveError, Result};
use crate::resolved::{Aggregate, Bound, Expr, Frame, Kind, Order, Window};

impl Resolver<'_> {
    pub(super) fn window(&mut self, window: &ast::WindowCall, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        let function = windowed(&window.call)?;
        if scope.aggregate.is_some() {
            return Err(ResolveError::input("A window function cannot stand inside an aggregation", span));
        }
        let spec = match &window.over {
            Over::Window(spec) => spec,
            Over::Name(name) => {
                let windows = scope.windows;
                let found = windows.iter().find(|window| window.name.name == name.name);
                &found.ok_or_else(|| ResolveError::input(format!("Unknown window: {}", name.name), name.span))?.window
            }
        };
        let partition_by = self.exprs(&spec.partition_by, scope)?;
        let mut order_by = self.order(&spec.order_by, &[], scope)?;
        let mut frame = match &spec.frame {
            Some(frame) => frame_of(frame, spec.span)?,
            None => Frame::standard(!order_by.is_empty()),
        };
        let mut call = if function.kind == FunctionKind::Aggregate {
            self.aggregate_parts(&function, &window.call, span, scope)?
        } else {
            let arguments = self.exprs(&window.call.args, scope)?;
            Aggregate {
                function: function.clickhouse,
                parameters: Vec::new(),
                arguments,
                distinct: false,
                order_by: Vec::new(),
                filter: None,
            }
        };
        if matches!(function.name, "lag" | "lead") {
            frame = Frame::everything();
            if let Some(first) = call.arguments.first().cloned() {
                if order_by.is_empty() {
                    order_by.push(Order { expr: first.clone(), descending: false, nulls_first: false, fill: None });
                }
                // At the edge of the partition there is no row: NULL.
                let nullable =
                    if first.ty.base.may_be_null() { self.call("toNullable", vec![first], span)? } else { first };
                if let Some(argument) = call.arguments.first_mut() {
                    *argument = nullable;
                }
            }
        }
        let ty = self.type_of(&call, span)?;
        Ok(Expr { kind: Kind::Window(Box::new(Window { call, partition_by, order_by, frame })), ty, span })
    }
}

fn frame_of(frame: &ast::WindowFrame, span: Span) -> Result<Frame> {
    let start = bound(&frame.start, span)?;
    let end = frame.end.as_ref().map_or(Ok(Bound::CurrentRow), |end| bound(end, span))?;
    Ok(Frame { rows: frame.unit == FrameUnit::Rows, start, end })
}

fn bound(bound: &FrameBound, span: Span) -> Result<Bound> {
    let rows = |bound: &ast::Expr| match bound.as_constant() {
        Some(ast::Constant::Int(rows)) => {
            u64::try_from(*rows).map_err(|_| ResolveError::input("A frame cannot have a negative bound", span))
        }
        _ => Err(ResolveError::input("The bounds of a frame are whole numbers", span)),
    };
    Ok(match bound {
        FrameBound::CurrentRow => Bound::CurrentRow,
        FrameBound::Preceding(None) => Bound::UnboundedPreceding,
        FrameBound::Following(None) => Bound::UnboundedFollowing,
        FrameBound::Preceding(Some(count)) => Bound::Preceding(rows(count)?),
        FrameBound::Following(Some(count)) => Bound::Following(rows(count)?),
    })
}
