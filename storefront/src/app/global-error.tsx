"use client";
import "./globals.css";

/** When not even the frame of the page can be made. */
export default function GlobalError() {
  return (
    <html lang="en">
      <body className="bg-paper text-ink font-sans">
        <title>Something went wrong</title>
        <main className="wrap py-24 text-center">
          <h1 className="title">Something went wrong on our side.</h1>
          <p className="mt-4 text-soft">This page did not order or charge anything. Please try again in a moment.</p>
          <p className="mt-8"><a className="button" href="">Try again</a></p>
        </main>
      </body>
    </html>
  );
}
