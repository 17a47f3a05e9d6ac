//! Bodies on their way through: the caller's is bounded in size, the service's in time.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use tonic::Status;
use tonic::body::Body;

use crate::refusal::Refusal;

/// Whether an [`Upload`] was too large.
#[derive(Debug, Clone, Default)]
pub(super) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A caller's body; breaks off after so many bytes.
pub(super) struct Upload {
    body: Body,
    bytes_left: usize,
    is_too_large: Flag,
}

impl Upload {
    pub(super) fn new(body: Body, bytes_max: usize) -> (Self, Flag) {
        let is_too_large = Flag::default();
        (Self { body, bytes_left: bytes_max, is_too_large: is_too_large.clone() }, is_too_large)
    }
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = pin!(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            match self.bytes_left.checked_sub(bytes) {
                Some(left) => self.bytes_left = left,
                None => {
                    self.is_too_large.0.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err(Refusal::TooLarge.status())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A service's body. A connection that breaks becomes a status in the trailers, which every caller can
/// read; so does the end of the time that a stream may take.
pub(super) struct Answer {
    /// `None` after its end.
    body: Option<Body>,
    end: Pin<Box<Sleep>>,
    /// Gives the place to the next call when the answer is over, or is dropped.
    place: Option<OwnedSemaphorePermit>,
}

impl Answer {
    pub(super) fn new(body: Body, place: OwnedSemaphorePermit, end: Instant) -> Self {
        Self { body: Some(body), end: Box::pin(tokio::time::sleep_until(end)), place: Some(place) }
    }

    fn finish(&mut self) {
        self.body = None;
        self.place = None;
    }

    /// The last frame.
    fn refuse(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.finish();
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(match refusal.status().add_header(&mut trailers) {
            Ok(()) => Ok(Frame::trailers(trailers)),
            Err(status) => Err(status),
        }))
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // The sleep wakes a stream that rests; one that never does would keep the sleep from its turn.
        let is_over = self.end.as_mut().poll(context).is_ready() || Instant::now() >= self.end.deadline();
        if is_over && self.body.is_some() {
            return self.refuse(Refusal::StreamTooLong);
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match ready!(pin!(body).poll_frame(context)) {
            Some(Ok(frame)) => {
                if frame.is_trailers() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(status)) => {
                tracing::warn!(error = %status, "the service behind broke its answer off");
                self.refuse(Refusal::Unreachable)
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::sync::Semaphore;

    use super::*;

    fn endless() -> Body {
        Body::new(StreamBody::new(stream::repeat_with(|| {
            Ok::<_, Status>(Frame::data(Bytes::from_static(b"more")))
        })))
    }

    #[tokio::test]
    async fn a_stream_that_never_rests_ends_in_time_and_gives_its_place_back() {
        let places = Arc::new(Semaphore::new(1));
        let place = places.clone().try_acquire_owned().unwrap();
        let mut answer = Answer::new(endless(), place, Instant::now());
        let mut frame = answer.frame().await.unwrap().unwrap();
        while frame.is_data() {
            frame = answer.frame().await.unwrap().unwrap();
        }
        let trailers = frame.into_trailers().unwrap();
        assert_eq!(Status::from_header_map(&trailers).unwrap().code(), tonic::Code::DeadlineExceeded);
        assert_eq!(places.available_permits(), 1);
        assert!(answer.frame().await.is_none());
    }

    #[tokio::test]
    async fn an_upload_breaks_off_after_its_last_byte() {
        let (mut upload, is_too_large) = Upload::new(endless(), 8);
        assert!(upload.frame().await.unwrap().is_ok());
        assert!(upload.frame().await.unwrap().is_ok());
        assert!(!is_too_large.get());
        let status = upload.frame().await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);
        assert!(is_too_large.get());
    }
}
