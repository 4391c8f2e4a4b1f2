//! Arithmetic over series: `A / B * 100`. Dividing by zero gives 0.

use crate::compile::CompileError;
use crate::insights::common::fault;

/// A formula and how it is shown.
#[derive(Debug)]
pub(in crate::insights) struct Formula {
    pub(super) text: String,
    pub(super) name: Option<String>,
    /// In postfix order: every operator follows its operands.
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Number(f64),
    Series(usize),
    Operator(char),
}

impl Formula {
    /// Reads `text`, whose letters are the first of `series`.
    pub(in crate::insights) fn parse(text: &str, name: Option<String>, series: usize) -> Result<Self, CompileError> {
        let wrong = |what: String| fault(format!("Formula '{text}' {what}"));
        let (mut steps, mut pending) = (Vec::new(), Vec::new());
        let mut operand_expected = true;
        let mut rest = text.trim_start();
        while let Some(c) = rest.chars().next() {
            let mut length = c.len_utf8();
            match c {
                '(' if operand_expected => pending.push('('),
                '-' if operand_expected => pending.push('~'),
                ')' if !operand_expected => loop {
                    match pending.pop() {
                        Some('(') => break,
                        Some(operator) => steps.push(Step::Operator(operator)),
                        None => return Err(wrong("has a ) without (".to_owned())),
                    }
                },
                '+' | '-' | '*' | '/' if !operand_expected => {
                    while let Some(top) = pending.pop_if(|top| *top != '(' && rank(*top) >= rank(c)) {
                        steps.push(Step::Operator(top));
                    }
                    pending.push(c);
                    operand_expected = true;
                }
                'A'..='Z' | 'a'..='z' if operand_expected => {
                    let at = usize::from(u8::try_from(c.to_ascii_uppercase()).unwrap_or_default() - b'A');
                    if at >= series {
                        return Err(wrong(format!("has no series {c}")));
                    }
                    steps.push(Step::Series(at));
                    operand_expected = false;
                }
                '0'..='9' | '.' if operand_expected => {
                    length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
                    let digits = rest.get(..length).unwrap_or_default();
                    let number = digits.parse().map_err(|_| wrong(format!("has a malformed number {digits}")))?;
                    steps.push(Step::Number(number));
                    operand_expected = false;
                }
                _ => return Err(wrong(format!("has an unexpected {c}"))),
            }
            rest = rest.get(length..).unwrap_or_default().trim_start();
        }
        if operand_expected {
            return Err(wrong("is not complete".to_owned()));
        }
        while let Some(operator) = pending.pop() {
            if operator == '(' {
                return Err(wrong("has a ( without )".to_owned()));
            }
            steps.push(Step::Operator(operator));
        }
        Ok(Self { text: text.to_owned(), name, steps })
    }

    /// The value where series have the values that `value` gives.
    pub(in crate::insights) fn evaluate(&self, value: impl Fn(usize) -> f64) -> f64 {
        let mut stack: Vec<f64> = Vec::new();
        for step in &self.steps {
            let result = match *step {
                Step::Number(number) => number,
                Step::Series(at) => value(at),
                Step::Operator('~') => -stack.pop().unwrap_or_default(),
                Step::Operator(operator) => {
                    let right = stack.pop().unwrap_or_default();
                    let left = stack.pop().unwrap_or_default();
                    match operator {
                        '+' => left + right,
                        '-' => left - right,
                        '*' => left * right,
                        _ if right == 0.0 => 0.0,
                        _ => left / right,
                    }
                }
            };
            stack.push(result);
        }
        stack.pop().unwrap_or_default()
    }
}

const fn rank(operator: char) -> u8 {
    match operator {
        '+' | '-' => 1,
        '*' | '/' => 2,
        _ => 3,
    }
}
