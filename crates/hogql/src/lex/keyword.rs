//! The words that the grammar gives a meaning, each in its place; nearly all of them are also names.

/// Declares the keywords with the text of each.
macro_rules! keywords {
    ($($variant:ident $text:literal)*) => {
        /// A word the grammar may give a meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Keyword {
            /// Any other word.
            None,
            $($variant,)*
        }

        impl Keyword {
            /// The keyword a word stands for, whatever its case.
            pub(crate) fn of(word: &str) -> Self {
                const LONGEST: usize = 12;
                let mut lower = [0_u8; LONGEST];
                let Some(lower) = lower.get_mut(..word.len()) else { return Self::None };
                lower.copy_from_slice(word.as_bytes());
                lower.make_ascii_lowercase();
                match &*lower {
                    $(word if word == $text.as_bytes() => Self::$variant,)*
                    _ => Self::None,
                }
            }
        }
    };
}

keywords! {
    All "all" And "and" Anti "anti" Any "any" Array "array" As "as" Asc "asc" Ascending "ascending" Asof "asof"
    Between "between" Both "both" By "by"
    Case "case" Cast "cast" Catch "catch" Cohort "cohort" Collate "collate" Columns "columns" Cross "cross" Cube "cube"
    Current "current"
    Date "date" Day "day" Desc "desc" Descending "descending" Distinct "distinct"
    Else "else" End "end" Except "except" Exclude "exclude" Extract "extract"
    False "false" Fill "fill" Filter "filter" Final "final" Finally "finally" First "first" Fn "fn" Following "following"
    For "for" From "from" Full "full" Fun "fun"
    Group "group" Grouping "grouping"
    Having "having" Hour "hour"
    Id "id" If "if" Ignore "ignore" ILike "ilike" In "in" Include "include" Inf "inf" Infinity "infinity" Inner "inner"
    Interpolate "interpolate" Intersect "intersect" Interval "interval" Is "is"
    Join "join"
    Key "key"
    Lambda "lambda" Last "last" Leading "leading" Left "left" Let "let" Like "like" Limit "limit" Local "local"
    Materialized "materialized" Minute "minute" Month "month"
    Name "name" Nan "nan" Natural "natural" Not "not" Null "null" Nulls "nulls"
    Offset "offset" On "on" Or "or" Order "order" Outer "outer" Over "over"
    Partition "partition" Pivot "pivot" Positional "positional" Preceding "preceding" Prewhere "prewhere"
    Qualify "qualify" Quarter "quarter"
    Range "range" Recursive "recursive" Replace "replace" Return "return" Right "right" Rollup "rollup" Row "row"
    Rows "rows"
    Sample "sample" Second "second" Select "select" Semi "semi" Sets "sets" Settings "settings" Step "step"
    Substring "substring"
    Then "then" Throw "throw" Ties "ties" Time "time" Timestamp "timestamp" To "to" Top "top" Totals "totals"
    Trailing "trailing" Trim "trim" True "true" Truncate "truncate" Try "try" TryCast "try_cast"
    Unbounded "unbounded" Union "union" Unpivot "unpivot" Using "using"
    Values "values"
    Week "week" When "when" Where "where" While "while" Window "window" With "with" Within "within"
    Year "year"
    Zone "zone"
}

impl Keyword {
    /// Can never be a name unless it is quoted. The literals among these are constants; the rest are kept for set
    /// operators and for the program half of the language.
    pub(crate) const fn is_reserved(self) -> bool {
        matches!(
            self,
            Self::Null
                | Self::Inf
                | Self::Infinity
                | Self::Nan
                | Self::Intersect
                | Self::Except
                | Self::Let
                | Self::Fn
                | Self::Fun
                | Self::While
                | Self::Throw
                | Self::Try
                | Self::Catch
                | Self::Finally
                | Self::Materialized
                | Self::Within
        )
    }

    /// May name a column without `AS`.
    pub(crate) const fn is_column_alias(self) -> bool {
        matches!(
            self,
            Self::None
                | Self::Asc
                | Self::Ascending
                | Self::Cohort
                | Self::Date
                | Self::Descending
                | Self::Final
                | Self::Id
                | Self::Return
                | Self::Top
                | Self::Totals
        )
    }

    /// May name a table without `AS`.
    pub(crate) const fn is_table_alias(self) -> bool {
        matches!(self, Self::None | Self::Date | Self::First | Self::Id | Self::Key)
    }

    /// May name the type of `a::type`.
    pub(crate) const fn is_type_name(self) -> bool {
        matches!(
            self,
            Self::None | Self::Date | Self::Interval | Self::Timestamp | Self::Time | Self::True | Self::False
        ) || self.interval_function().is_some()
    }

    /// A unit of time, as the function that makes an interval of it.
    pub(crate) const fn interval_function(self) -> Option<&'static str> {
        Some(match self {
            Self::Second => "toIntervalSecond",
            Self::Minute => "toIntervalMinute",
            Self::Hour => "toIntervalHour",
            Self::Day => "toIntervalDay",
            Self::Week => "toIntervalWeek",
            Self::Month => "toIntervalMonth",
            Self::Quarter => "toIntervalQuarter",
            Self::Year => "toIntervalYear",
            _ => return None,
        })
    }

    /// A word after which an operand stands, when it is used as a keyword. Where such a word is a name instead, what
    /// follows it is the same except for `<` and `.5`; those are read as if the word were the keyword.
    pub(crate) const fn precedes_operand(self) -> bool {
        matches!(
            self,
            Self::And
                | Self::Or
                | Self::Not
                | Self::In
                | Self::Cohort
                | Self::Like
                | Self::ILike
                | Self::Between
                | Self::Select
                | Self::Distinct
                | Self::From
                | Self::Join
                | Self::Where
                | Self::Prewhere
                | Self::Having
                | Self::Qualify
                | Self::On
                | Self::Using
                | Self::By
                | Self::Limit
                | Self::Offset
                | Self::Sample
                | Self::When
                | Self::Then
                | Self::Else
                | Self::Case
                | Self::Interval
                | Self::To
                | Self::Step
                | Self::Except
                | Self::Intersect
                | Self::All
        )
    }

    /// Continues an expression or a clause after an operand, so that a name before it stands alone.
    pub(crate) const fn follows_operand(self) -> bool {
        matches!(
            self,
            Self::And
                | Self::Or
                | Self::Not
                | Self::In
                | Self::Is
                | Self::Like
                | Self::ILike
                | Self::Between
                | Self::As
                | Self::From
                | Self::Where
                | Self::Prewhere
                | Self::Group
                | Self::Having
                | Self::Window
                | Self::Qualify
                | Self::Order
                | Self::Limit
                | Self::Offset
                | Self::Union
                | Self::Intersect
                | Self::Except
                | Self::When
                | Self::Then
                | Self::Else
                | Self::End
                | Self::Asc
                | Self::Ascending
                | Self::Desc
                | Self::Descending
        )
    }
}

impl Keyword {
    /// An operator between two operands, or the word before an alias.
    pub(crate) const fn is_infix_word(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::In | Self::Is | Self::Like | Self::ILike | Self::Between | Self::As)
    }
}
