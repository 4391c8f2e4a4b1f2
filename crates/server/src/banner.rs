//! What the person who starts Hedgerow sees: the URL, the keys once, and a first thing to try.

use std::io::{self, Write};
use std::net::SocketAddr;

use meta::Created;

/// Writes the banner. Keys appear on the first start only; they are stored hashed and cannot be shown again.
pub(crate) fn write(out: &mut impl Write, address: SocketAddr, created: Option<&Created>) -> io::Result<()> {
    writeln!(out, "Hedgerow is listening on http://{address}")?;
    if let Some(created) = created {
        let (token, key) = (&created.project_token, &created.personal_api_key);
        writeln!(out)?;
        writeln!(out, "  project token     {token}")?;
        writeln!(out, "  personal API key  {key}   (shown only now: keep it)")?;
        writeln!(out)?;
        writeln!(out, "Send an event, then read it back:")?;
        writeln!(out)?;
        writeln!(out, "  curl http://{address}/i/v0/e/ -H 'Content-Type: application/json' \\")?;
        writeln!(out, "    -d '{{\"api_key\":\"{token}\",\"event\":\"hello\",\"distinct_id\":\"me\"}}'")?;
        writeln!(out, "  curl http://{address}/api/projects/@current/events/ -H 'Authorization: Bearer {key}'")?;
        writeln!(out)?;
    }
    out.flush()
}
