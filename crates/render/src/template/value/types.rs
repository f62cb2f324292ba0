//! The Go types that templates can tell apart.

/// Which of Go's integer types a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntType {
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `int32`, also known as `rune`
    Int32,
    /// `uint8`, also known as `byte`
    Uint8,
    /// `uint64`; values beyond the largest `int64` do not occur
    Uint64,
}

impl IntType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Uint8 => "uint8",
            Self::Uint64 => "uint64",
        }
    }

    /// Whether the type has no sign.
    #[must_use]
    pub const fn is_unsigned(self) -> bool {
        matches!(self, Self::Uint8 | Self::Uint64)
    }
}

/// What a list holds, as Go types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`
    Interface,
    /// `[]string`
    String,
    /// `[]int`
    Int,
}

impl ListType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interface => "[]interface {}",
            Self::String => "[]string",
            Self::Int => "[]int",
        }
    }
}

/// Which of Go's map types a map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapType {
    /// `map[string]interface {}`
    Interface,
    /// Helm's named type of `.Values`; it behaves as the former and only shows in `typeOf`, `dig` and its methods.
    Values,
    /// `map[string]string`, as `split` makes.
    String,
}

impl MapType {
    /// Go's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interface => "map[string]interface {}",
            Self::Values => "chartutil.Values",
            Self::String => "map[string]string",
        }
    }
}
