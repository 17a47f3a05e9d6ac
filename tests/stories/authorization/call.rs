//! A call of any method, and what comes of it.

use std::time::Duration;

use prost_reflect::DynamicMessage;
use testkit::eventually;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The guard did not know the caller.
    Unknown,
    /// The guard did not let the caller in.
    Refused,
    /// The method refused, with this code.
    Failed(Code),
    /// The method answered, with this message.
    Answered(Vec<u8>),
}

impl Outcome {
    /// Whether the method was reached.
    pub(super) fn is_methods(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Answered(_))
    }
}

/// Calls once the service is there.
pub(super) async fn call(
    channel: &Channel,
    path: &str,
    message: &DynamicMessage,
    token: Option<&str>,
) -> Outcome {
    eventually("the service is there", Duration::from_secs(30), async || {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.map_err(|error| error.to_string())?;
        let mut request = tonic::Request::new(message.clone());
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        // One that streams has its first message looked at.
        let answer = async {
            let mut answer = client.server_streaming(request, path.parse().unwrap(), Raw).await?.into_inner();
            answer.message().await
        };
        let status = match answer.await {
            Ok(message) => return Ok(Outcome::Answered(message.unwrap_or_default())),
            Err(status) => status,
        };
        let details = status.get_error_details();
        Ok(match (status.code(), details.error_info().map_or("", |info| info.reason.as_str())) {
            (Code::Unavailable, _) => return Err(status.to_string()),
            (Code::Unauthenticated, "TOKEN_MISSING") => Outcome::Unknown,
            (Code::PermissionDenied, "ROLE_TOO_LOW" | "INTERNAL_METHOD" | "METHOD_NOT_ALLOWED") => {
                Outcome::Refused
            }
            (code, _) => Outcome::Failed(code),
        })
    })
    .await
}

/// Messages go out as they are made and come in as bytes.
struct Raw;

impl Codec for Raw {
    type Encode = DynamicMessage;
    type Decode = Vec<u8>;
    type Encoder = <tonic_prost::ProstCodec<DynamicMessage, ()> as Codec>::Encoder;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        tonic_prost::ProstCodec::<DynamicMessage, ()>::default().encoder()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use bytes::Buf as _;
        let mut message = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
