//! What a business cannot do without: logging in, confirming an order, posting an invoice.

use crate::events::Access;

use super::criterion::{After, Bound, Criterion, LONGEST_SILENCE_US};
use super::series::{Series, Span};

/// One flow, known by the ends of its paths.
pub struct Flow {
    id: &'static str,
    /// The path ends so.
    paths: &'static [&'static str],
    /// Its calls may hide behind a `call_button` that does not name its method (up to Odoo 17).
    button: bool,
}

/// Logging in.
pub const LOGIN: Flow =
    Flow { id: "flow_login", paths: &["/web/login", "/web/session/authenticate"], button: false };
/// Confirming a sale order: `call_kw` and, since Odoo 18, `call_button` end in the method; so does `/json/2` of 19.
pub const SALE_CONFIRM: Flow =
    Flow { id: "flow_sale_confirm", paths: &["/sale.order/action_confirm"], button: true };
/// Posting an invoice.
pub const INVOICE_POST: Flow =
    Flow { id: "flow_invoice_post", paths: &["/account.move/action_post"], button: true };

impl Flow {
    /// Calls of the flow in a span. Viewing the login page is no login.
    fn calls<'e>(&'e self, after: &'e After<'_>, span: Span) -> impl Iterator<Item = &'e Access> {
        let texts = &after.picture.events.texts;
        // By the number of the path: most are asked for many times.
        let mut known: Vec<Option<bool>> = vec![None; texts.count()];
        after.access(span).iter().filter(move |access| {
            let path = || texts.get(access.path).trim_end_matches('/');
            let own = || self.paths.iter().any(|end| path().ends_with(end));
            let own = known.get_mut(access.path as usize).is_some_and(|known| *known.get_or_insert_with(own));
            own && texts.get(access.method) == "POST"
        })
    }
}

impl Criterion for Flow {
    fn id(&self) -> &'static str {
        self.id
    }

    fn series(&self, after: &After<'_>) -> Series {
        // Where a flow failed before the incident too, its failures are not the incident's.
        if after.events().access.is_empty() || self.calls(after, after.baseline).any(Access::failed) {
            return Series {
                absent: true,
                ..Series::new(Vec::new(), after.access_silent.clone(), LONGEST_SILENCE_US)
            };
        }
        let failed: Vec<i64> = self
            .calls(after, after.rest())
            .filter(|access| access.failed())
            .map(|access| access.end_us)
            .collect();
        // One failure among many requests is tolerated as a gateway error is; a flow that failed twice is broken.
        let bad = match failed.as_slice() {
            [_] | [] => Vec::new(),
            _ => failed.iter().map(|us| (*us, us + 1)).collect(),
        };
        Series::new(bad, after.access_silent.clone(), LONGEST_SILENCE_US)
    }

    fn bound(&self, after: &After<'_>, window: Span) -> Bound {
        let (mut all, mut failed) = (0u64, 0u64);
        for access in self.calls(after, window) {
            all += 1;
            failed += u64::from(access.failed());
        }
        let texts = &after.picture.events.texts;
        let buttons = if self.button && all == 0 {
            let hidden = |access: &&Access| texts.get(access.path).ends_with("/web/dataset/call_button");
            after.access(window).iter().filter(hidden).count()
        } else {
            0
        };
        let detail = match (all, buttons) {
            (0, 0) => "not used".to_owned(),
            (0, buttons) => {
                format!("not seen by name; {buttons} calls of buttons that the path does not name")
            }
            _ => format!("{failed} of {all} failed"),
        };
        Bound { enough: all > failed, value: (all > 0).then_some(failed as f64), limit: Some(0.0), detail }
    }

    fn felt(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_known() {
        let named = |flow: &Flow, path: &str| flow.paths.iter().any(|end| path.ends_with(end));
        assert!(named(&LOGIN, "/web/session/authenticate"));
        assert!(named(&SALE_CONFIRM, "/web/dataset/call_kw/sale.order/action_confirm"));
        assert!(named(&SALE_CONFIRM, "/web/dataset/call_button/sale.order/action_confirm"));
        assert!(named(&INVOICE_POST, "/json/2/account.move/action_post"));
        assert!(!named(&SALE_CONFIRM, "/web/dataset/call_kw/purchase.order/action_confirm_all"));
        assert!(!named(&SALE_CONFIRM, "/web/dataset/call_kw/my.sale.order/action_confirm_later"));
    }
}
