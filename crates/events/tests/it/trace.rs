//! One trace and one story, from the span that wrote a fact to what a consumer made of it.

use events::{PublisherConfig, outbox};
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::instrument::WithSubscriber as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::recorder::{Recorder, config};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_carries_its_trace_and_its_cause_to_what_follows() {
    let mut world = World::new().await;
    let provider = SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let recording = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));

    let (fact, trace) = tracing::dispatcher::with_default(&recording, || {
        let span = tracing::info_span!("test");
        let trace = span.context().span().span_context().trace_id().to_string();
        (span.in_scope(|| world.fact("traced")), trace)
    });
    let mut conn = world.pool.acquire().await.unwrap();
    outbox::append(&mut conn, std::slice::from_ref(&fact)).await.unwrap();
    drop(conn);

    world.run_publisher(PublisherConfig::default()).await;
    let recorder = Recorder::passing_on();
    let consumer = world.consumer(config("test-recorder"), recorder);
    world.run(|shutdown| consumer.run(shutdown).with_subscriber(recording));

    let messages = world.stored(2).await;
    let header = |number: usize, name: &str| {
        messages[number].headers.get(name).map(|value| value.as_str().to_owned()).unwrap_or_default()
    };
    let (first, second) = (header(0, "traceparent"), header(1, "traceparent"));
    assert!(first.starts_with(&format!("00-{trace}-")), "{first}");
    assert_eq!(header(0, "ce-traceparent"), first);
    assert!(second.starts_with(&format!("00-{trace}-")), "{second}");
    assert_ne!(first, second, "another span of the same trace");
    let id = fact.id().to_string();
    assert_eq!((header(1, "ce-causationid"), header(1, "ce-correlationid")), (id.clone(), id));
    world.finish().await;
}
