//! What asking for a list costs: its page size times what one item costs.

/// The page size when none is given.
pub(crate) const DEFAULT_PAGE: u32 = 50;
/// The largest page.
pub(crate) const LARGEST_PAGE: u32 = 100;

/// The cost of a page of items.
pub(crate) fn list(first: Option<u32>, item: usize) -> usize {
    let size = first.unwrap_or(DEFAULT_PAGE).clamp(1, LARGEST_PAGE);
    usize::try_from(size).unwrap_or(usize::MAX).saturating_mul(item.max(1)).saturating_add(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_cost_their_page_size() {
        assert_eq!(list(None, 3), 160);
        assert_eq!(list(Some(7), 0), 17);
        assert_eq!(list(Some(u32::MAX), 1), 110);
    }
}
