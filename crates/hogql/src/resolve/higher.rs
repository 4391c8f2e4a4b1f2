//! Functions that take a lambda.

use std::sync::Arc;

use super::{Resolver, Scope};
use crate::ast::{self, ExprKind, Span};
use crate::fault::{ResolveError, Result};
use crate::resolved::{Expr, Kind};
use crate::types::{Base, Type};

impl Resolver<'_> {
    /// The arguments of `function`, the first of which may be a lambda over the elements of the others.
    pub(super) fn higher(
        &mut self,
        function: &'static str,
        arguments: &[ast::Expr],
        span: Span,
        scope: &mut Scope<'_>,
    ) -> Result<Expr> {
        let Some((ExprKind::Lambda(lambda), rest)) = arguments.split_first().map(|(first, rest)| (&first.kind, rest))
        else {
            let arguments = self.exprs(arguments, scope)?;
            return self.call(function, arguments, span);
        };
        let values = self.exprs(rest, scope)?;
        let mut types = Vec::new();
        let arrays = if function == "arrayFold" {
            types.extend(values.last().map(|start| start.ty.clone()));
            values.split_last().map_or(&[] as &[Expr], |(_, arrays)| arrays)
        } else {
            values.as_slice()
        };
        for value in arrays {
            match &value.ty.base {
                Base::Array(element) => types.push((**element).clone()),
                Base::Map(key, value) => types.extend([(**key).clone(), (**value).clone()]),
                other => {
                    let message = format!("Function {function} applies a lambda to arrays, found {other}");
                    return Err(ResolveError::new(crate::fault::Code::IllegalTypeOfArgument, message, value.span));
                }
            }
        }
        let lambda = self.lambda(lambda, types, arguments.first().map_or(span, |first| first.span), scope)?;
        let mut all = vec![lambda];
        all.extend(values);
        self.call(function, all, span)
    }

    fn lambda(&mut self, lambda: &ast::Lambda, types: Vec<Type>, span: Span, scope: &mut Scope<'_>) -> Result<Expr> {
        // One array of tuples may be taken apart: `(a, b) -> …`.
        if lambda.args.len() != types.len() {
            let message = format!("A lambda of {} arguments does not fit {} arrays", lambda.args.len(), types.len());
            return Err(ResolveError::input(message, span));
        }
        let outer = scope.lambdas.len();
        let mut variables = Vec::with_capacity(types.len());
        for (argument, ty) in lambda.args.iter().zip(types) {
            let unique = self.variable(&argument.name);
            scope.lambdas.push((argument.name.clone(), Arc::clone(&unique), ty.clone()));
            variables.push((unique, ty));
        }
        let body = self.expr(&lambda.body, scope);
        scope.lambdas.truncate(outer);
        Ok(Expr { kind: Kind::Lambda { variables, body: Box::new(body?) }, ty: Base::Function.into(), span })
    }
}
