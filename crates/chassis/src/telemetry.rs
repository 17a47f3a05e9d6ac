//! Logs, traces and metrics. Logs go to standard error; traces and metrics to an OTLP endpoint, when
//! one is configured; traces to a file, too, when one is configured.

mod span_file;

use std::path::PathBuf;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use self::span_file::SpanFile;
pub use self::span_file::SpanLine;
use crate::config::{LogFormat, TelemetryConfig};

/// Keeps telemetry going; flushes on [`Telemetry::shutdown`].
#[must_use]
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
}

/// Why there is no telemetry.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter can't be read.
    #[error("telemetry.log_filter {0:?} is not a list of directives such as info,sqlx=warn")]
    Filter(String),
    /// The exporter can't be made.
    #[error("cannot export to telemetry.otlp_endpoint {endpoint}")]
    Exporter {
        /// Where.
        endpoint: String,
        /// Why.
        #[source]
        source: opentelemetry_otlp::ExporterBuildError,
    },
    /// The file can't be written.
    #[error("cannot write telemetry.trace_file {path}")]
    TraceFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Some other part of the process has installed a subscriber.
    #[error("telemetry is installed twice")]
    Twice,
}

/// Installs logs, traces and metrics for this process. Needs a tokio runtime.
pub fn install(service: &str, config: &TelemetryConfig) -> Result<Telemetry, TelemetryError> {
    let filter = || {
        EnvFilter::try_new(&config.log_filter).map_err(|_| TelemetryError::Filter(config.log_filter.clone()))
    };
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = match config.log_format {
        LogFormat::Pretty => logs.with_filter(filter()?).boxed(),
        LogFormat::Json => logs.json().flatten_event(true).with_filter(filter()?).boxed(),
    };

    let resource = Resource::builder().with_service_name(service.to_owned()).build();
    let traces = traces(config, resource.clone())?;
    let metrics = metrics(config, resource)?;
    // Spans of our own crates only: those of libraries are theirs to read.
    let spans = traces.as_ref().map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("latchkey"))
            .with_location(false)
            .with_target(true)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(EnvFilter::new("off,access_control=info,chassis=info,door_adapter=info,events=info,gateway=info,integrations=info,kisi_adapter=info,latchkey=info,notification=info,unifi_adapter=info,vendor_http=info,workspace=info"))
    });
    tracing_subscriber::registry().with(logs).with(spans).try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(Telemetry { traces, metrics })
}

fn traces(config: &TelemetryConfig, resource: Resource) -> Result<Option<SdkTracerProvider>, TelemetryError> {
    if config.otlp_endpoint.is_empty() && config.trace_file.as_os_str().is_empty() {
        return Ok(None);
    }
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.trace_ratio)));
    let mut traces = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler);
    if !config.otlp_endpoint.is_empty() {
        let spans = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(config.otlp_endpoint.as_str())
            .build()
            .map_err(|source| TelemetryError::Exporter { endpoint: config.otlp_endpoint.clone(), source })?;
        traces = traces.with_batch_exporter(spans);
    }
    if !config.trace_file.as_os_str().is_empty() {
        let file = SpanFile::open(&config.trace_file)
            .map_err(|source| TelemetryError::TraceFile { path: config.trace_file.clone(), source })?;
        let often = BatchConfigBuilder::default().with_scheduled_delay(Duration::from_millis(500)).build();
        traces =
            traces.with_span_processor(BatchSpanProcessor::builder(file).with_batch_config(often).build());
    }
    Ok(Some(traces.build()))
}

fn metrics(config: &TelemetryConfig, resource: Resource) -> Result<Option<SdkMeterProvider>, TelemetryError> {
    if config.otlp_endpoint.is_empty() {
        return Ok(None);
    }
    let measures = opentelemetry_otlp::MetricExporter::builder()
        .with_tonic()
        .with_endpoint(config.otlp_endpoint.as_str())
        .build()
        .map_err(|source| TelemetryError::Exporter { endpoint: config.otlp_endpoint.clone(), source })?;
    let metrics =
        SdkMeterProvider::builder().with_resource(resource).with_periodic_exporter(measures).build();
    opentelemetry::global::set_meter_provider(metrics.clone());
    Ok(Some(metrics))
}

impl Telemetry {
    /// Sends what is still held back.
    pub fn shutdown(self) {
        if let Some(traces) = self.traces {
            let _ = traces.shutdown();
        }
        if let Some(metrics) = self.metrics {
            let _ = metrics.shutdown();
        }
    }
}
