"use client";

export default function ErrorPage({ error, unstable_retry: retry }: { error: Error & { digest?: string }; unstable_retry: () => void }) {
  return (
    <div className="wrap py-24 text-center">
      <h1 className="title">Something went wrong on our side.</h1>
      <p className="mx-auto mt-4 max-w-md text-soft">This page did not order or charge anything. Please try again in a moment.</p>
      <p className="mt-8"><button type="button" className="button" onClick={retry}>Try again</button></p>
      {error.digest && <p className="mt-6 text-sm text-soft">If you write to us, please quote this reference: {error.digest}</p>}
    </div>
  );
}
