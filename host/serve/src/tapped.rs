//! A socket with something beside it that may watch what is read, and end what is read or written. What is written
//! passes through as it is.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What stands beside a socket.
pub trait Tap {
    /// Asked before each read.
    ///
    /// # Errors
    ///
    /// Nothing more may be read.
    fn before_read(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let _ = context;
        Ok(())
    }

    /// Told what became of each read, and what it brought; answers it, or that nothing more may be read.
    fn after_read(
        &mut self,
        context: &mut Context<'_>,
        read: Poll<io::Result<()>>,
        news: &[u8],
    ) -> Poll<io::Result<()>> {
        let _ = (context, news);
        read
    }

    /// Asked before each write and flush.
    ///
    /// # Errors
    ///
    /// Nothing more may be written.
    fn before_write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let _ = context;
        Ok(())
    }

    /// Told what became of each write, flush and end; answers it, or that nothing more may be written.
    fn after_write<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let _ = context;
        written
    }
}

/// A socket, and what stands beside it.
#[derive(Debug)]
pub struct Tapped<S, T> {
    /// The socket.
    pub socket: S,
    /// What stands beside it.
    pub tap: T,
}

impl<S: AsyncRead + Unpin, T: Tap + Unpin> AsyncRead for Tapped<S, T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.tap.before_read(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(context, buffer);
        self.tap.after_read(context, read, buffer.filled().get(before..).unwrap_or_default())
    }
}

impl<S: AsyncWrite + Unpin, T: Tap + Unpin> AsyncWrite for Tapped<S, T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.tap.before_write(context)?;
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.tap.after_write(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tap.before_write(context)?;
        let flushed = Pin::new(&mut self.socket).poll_flush(context);
        self.tap.after_write(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.socket).poll_shutdown(context);
        self.tap.after_write(context, ended)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.tap.before_write(context)?;
        let written = Pin::new(&mut self.socket).poll_write_vectored(context, buffers);
        self.tap.after_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}
