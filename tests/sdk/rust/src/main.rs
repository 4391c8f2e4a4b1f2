//! Sends a fixed set of events with posthog-rs. What the library complains about goes to standard error.

use std::env;
use std::error::Error;

use posthog_rs::{ClientOptionsBuilder, EvaluateFlagsOptions, Event};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [host, token] = arguments.as_slice() else { return Err("usage: sdk-events HOST TOKEN".into()) };
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).with_writer(std::io::stderr).init();
    let mut options = ClientOptionsBuilder::default();
    options.host(host.clone()).api_key(token.clone()).flush_at(20);
    options.on_error(|error| eprintln!("error: {error:?}"));
    let client = posthog_rs::client(options.build()?).await;
    for number in 0..200 {
        let mut event = Event::new("viewed".to_owned(), format!("anon-{}", number % 10));
        event.insert_prop("n", number)?;
        event.add_group("company", &format!("c{}", number % 3));
        client.capture(event);
    }
    for number in 0..10 {
        let mut event = Event::new("$identify".to_owned(), format!("user-{number}"));
        event.insert_prop("$set", json!({"email": format!("user-{number}@example.com")}))?;
        client.capture(event);
        client.alias(format!("anon-{number}"), format!("user-{number}"));
    }
    client.group_identify("company", "c0", json!({"name": "Acme"}))?;
    let flag = client.evaluate_flags("user-0", EvaluateFlagsOptions::default()).await?.is_enabled("beta");
    client.shutdown().await;
    println!("{}", json!({"flag": flag}));
    Ok(())
}
