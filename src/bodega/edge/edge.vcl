vcl 4.1;

# The edge of Bodega. Rendered by bodega.edge.render from platform.toml; why it is so: docs/adr/0006-edge.md.
# Here {{names}} stand for what is rendered.

import std;
import var;
import vsthrottle;
import xkey;

acl here { {{purgers}} }

# Of the last three looks two must have been good. One good one is given beforehand: a backend is passed on to from the
# first time that it is seen to answer, not before.
backend storefront {
    .host = "{{storefront_host}}";
    .port = "{{storefront_port}}";
    .connect_timeout = 1s;
    .first_byte_timeout = 10s;
    .probe = {
        .request = "GET /readyz HTTP/1.1" "Host: {{site_host}}" "Connection: close";
        .interval = {{probe_seconds}}s; .timeout = 3s; .window = 3; .threshold = 2; .initial = 1;
    }
}

backend gateway {
    .host = "{{gateway_host}}";
    .port = "{{gateway_port}}";
    .connect_timeout = 1s;
    .first_byte_timeout = 130s;
    .between_bytes_timeout = 130s;
    .probe = {
        .request = "GET /healthz HTTP/1.1" "Host: {{site_host}}" "X-Edge-Secret: {{gateway_secret}}" "Connection: close";
        .interval = {{probe_seconds}}s; .timeout = 3s; .window = 3; .threshold = 2; .initial = 1;
    }
}

backend media {
    .host = "{{media_host}}";
    .port = "{{media_port}}";
    .connect_timeout = 1s;
    .first_byte_timeout = 10s;
    .probe = {
        .request = "GET /healthz HTTP/1.1" "Host: {{media_host}}" "Connection: close";
        .interval = {{probe_seconds}}s; .timeout = 3s; .window = 3; .threshold = 2; .initial = 1;
    }
}

# --- what comes in ------------------------------------------------------------------------------------

sub vcl_recv {
    if (req.method == "PURGE" || req.method == "HEARTBEAT") {
        call of_the_purger;
    }
    if (req.method !~ "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)$") {
        return (synth(405));
    }
    if (req.url == "/readyz" && client.ip ~ here) {
        call of_the_supervisor;
    }
    if (req.restarts == 0) {
        call refuse_dot_segments;
        call recognise;
    }
    if (req.http.X-Kind == "api" && req.method == "GET" && req.url ~ "^({{streams}})(\?|$)") {
        # Open for minutes, never kept: bytes are led through, without a fetch and its thread. See docs/adr/0006-edge.md.
        set req.backend_hint = gateway;
        return (pipe);
    }

    if (req.http.X-Kind == "api") {
        set req.backend_hint = gateway;
    } elsif (req.http.X-Kind == "media") {
        set req.backend_hint = media;
    } else {
        set req.backend_hint = storefront;
    }

    if (req.http.X-Shared != "yes") {
        return (pass);
    }
    # An answer whose time is over is given only when there is no other.
    set req.grace = {{stale_seconds}}s;
    if (std.healthy(req.backend_hint) && req.restarts == 0) {
        set req.grace = 0s;
    }
    return (hash);
}

# The purger's words. Each tells the hour by our own clock, so that two clocks need not agree.
sub of_the_purger {
    if (client.ip !~ here || req.http.X-Purge-Secret != "{{purge_secret}}") {
        set req.http.X-Kind = "api";
        return (synth(403));
    }
    if (req.method == "HEARTBEAT") {
        # Up to the hour that we told it before it looked: its word may have lain about on the way, and is that old then.
        if (std.real(req.http.X-As-Of, 0.0) > std.real(var.global_get("heartbeat"), 0.0)) {
            var.global_set("heartbeat", req.http.X-As-Of);
        }
        return (synth(200, "heard"));
    }
    if (req.http.X-Soft) {
        return (synth(200, "purged " + xkey.softpurge(req.http.X-Purge)));
    }
    if (req.http.X-Again) {
        return (synth(200, "purged " + xkey.purge(req.http.X-Purge)));
    }
    # The hour before the purge: whoever has asked before it and stores after it finds it there.
    var.global_set("list", "" + std.time2real(now, 0.0));
    if (req.http.X-Purge ~ "(^| )categories( |$)") {
        var.global_set("frame", "" + std.time2real(now, 0.0));
    }
    if (req.http.X-Purge ~ "\bproduct:") {
        var.global_set(regsub(req.http.X-Purge, "^.*\bproduct:\S*(\S\S)(\s.*)?$", "\1"), "" + std.time2real(now, 0.0));
    }
    return (synth(200, "purged " + xkey.purge(req.http.X-Purge)));
}

# Whether requests are passed on: each backend has been seen to answer. `up` waits for it before it says "open".
sub of_the_supervisor {
    if (std.healthy(storefront) && std.healthy(gateway) && std.healthy(media)) {
        return (synth(200, "ready"));
    }
    return (synth(503));
}

# Who is behind resolves `..` otherwise than we do: what we take for a file would be a page to it (raw or encoded).
sub refuse_dot_segments {
    if (req.url ~ "(?i)^[^?]*([/\\]|%(25)*(2f|5c))(\.|%(25)*2e){1,2}([/\\;?]|%(25)*(2f|5c|3b)|$)") {
        unset req.http.X-Kind;
        if (req.url ~ "^/api/") {
            set req.http.X-Kind = "api";
        }
        return (synth(400));
    }
}

# Of which kind a request is, whether its answer is the same for everybody, and all else forgotten about it if so.
sub recognise {
    unset req.http.X-Kind;
    unset req.http.X-Shared;
    unset req.http.X-Began;
    unset req.http.X-Edge-Secret;
    unset req.http.X-Purge-Secret;
    unset req.http.X-Forwarded-Host;
    unset req.http.Forwarded;
    unset req.http.Proxy;
    unset req.http.X-Middleware-Subrequest;
    set req.http.X-Forwarded-Proto = "{{site_scheme}}";
    if (req.url !~ "^/") {
        return (synth(400));
    }

    if (req.url ~ "^/api(/|\?|$)") {
        set req.http.X-Kind = "api";
        set req.url = regsub(regsub(req.url, "^/api", ""), "^(\?|$)", "/\1");
        set req.http.X-Edge-Secret = "{{gateway_secret}}";
        if (req.url ~ "^({{open_paths}})(/|\?|$)") {
            set req.http.X-Shared = "yes";
        }
    } elsif (req.url ~ "^/media/") {
        set req.http.X-Kind = "media";
        set req.http.X-Shared = "yes";
        set req.url = regsub(req.url, "\?.*$", "");
        if (req.method != "GET" && req.method != "HEAD") {
            return (synth(405));
        }
        unset req.http.Authorization;
    } else {
        set req.http.X-Kind = "html";
        if (req.url ~ "^/_next/static/") {
            set req.http.X-Kind = "static";
        } elsif (req.http.RSC == "1") {
            set req.http.X-Kind = "rsc";
        }
        # The kind is told by a header, never by the path.
        if (req.url ~ "^[^?]*\.rsc(\?|$)" || req.url ~ "^/_next/image(/|\?|$)") {
            return (synth(404));  # nor does anybody resize pictures here
        }
        if (req.url !~ "^({{personal_paths}})(/|\?|$)") {
            set req.http.X-Shared = "yes";
        }
        set req.url = regsuball(req.url, "(^[^?]*\?|&)_rsc=[^&]*", "\1");
    }

    if ((req.method != "GET" && req.method != "HEAD") || req.http.Authorization) {
        set req.http.X-Shared = "no";
    }
    call without_tracking;
    if (req.http.X-Shared == "yes") {
        call known_parameters;
        call without_persons;
    }
}

# A parameter that the address does not know makes no other answer: it reaches neither the key nor who answers.
sub known_parameters {
{{known_parameters}}
    call without_gaps;
}

sub without_gaps {
    set req.url = regsuball(req.url, "&&+", "&");
    set req.url = regsub(req.url, "\?&+", "?");
    set req.url = regsub(req.url, "[?&]+$", "");
}

sub without_tracking {
    if (req.method == "GET" || req.method == "HEAD") {
        set req.url = regsuball(req.url, "(^[^?]*\?|&)(utm_[a-z_]+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|ttclid|twclid|yclid|mc_cid|mc_eid|igshid|_ga|_gl)=[^&]*", "\1");
        call without_gaps;
    }
}

# What is asked for in common bears nothing by which an answer could differ.
sub without_persons {
    set req.url = std.querysort(req.url);
    set req.http.Host = "{{site_host}}";
    unset req.http.Cookie;
    unset req.http.Origin;
    unset req.http.Referer;
    unset req.http.Accept;
    unset req.http.Accept-Language;
    unset req.http.User-Agent;
    unset req.http.Cart-Token;
    unset req.http.Order-Token;
    unset req.http.Next-Router-State-Tree;
    unset req.http.Next-Url;
    unset req.http.Next-Action;
    unset req.http.Next-HMR-Refresh;
    unset req.http.X-Nextjs-Data;
    unset req.http.X-Prerender-Revalidate;
    if (req.http.X-Kind != "rsc") {
        unset req.http.RSC;
        unset req.http.Next-Router-Prefetch;
        unset req.http.Next-Router-Segment-Prefetch;
    }
    if (req.http.Next-Router-Prefetch && req.http.Next-Router-Prefetch !~ "^[12]$") {
        unset req.http.Next-Router-Prefetch;
    }
    if (req.http.Next-Router-Segment-Prefetch && req.http.Next-Router-Segment-Prefetch !~ "^/[A-Za-z0-9_/.()$!@-]{1,200}$") {
        unset req.http.Next-Router-Segment-Prefetch;
    }
}

sub vcl_hash {
    hash_data(req.http.X-Kind);
    hash_data(req.url);
    if (req.http.X-Kind == "rsc") {
        hash_data("" + req.http.Next-Router-Prefetch);
        hash_data("" + req.http.Next-Router-Segment-Prefetch);
    }
    return (lookup);
}

sub vcl_hit {
    set req.http.X-Cache = "HIT";
    if (obj.ttl <= 0s) {
        set req.http.X-Cache = "STALE";
    } elsif (obj.http.xkey ~ " told$" && std.healthy(req.backend_hint)
        && std.time2real(now, 0.0) - std.real(var.global_get("heartbeat"), 0.0) > {{heartbeat_seconds}}) {
        # Nobody tells us of changes: a price from memory may be wrong, or a name.
        return (pass);
    }
    return (deliver);
}

sub vcl_miss {
    set req.http.X-Cache = "MISS";
    if (req.restarts > 0) {
        return (synth(503));  # nothing old is there, either
    }
    call not_too_many_pages;
    return (fetch);
}

sub vcl_pass {
    set req.http.X-Cache = "PASS";
    call not_too_many_pages;
    return (fetch);
}

# A page that is not in memory costs the storefront's one thread some 20 ms: no client gets all of it.
sub not_too_many_pages {
    if (req.http.X-Kind ~ "^(html|rsc)$" && req.restarts == 0
        && vsthrottle.is_denied("page " + regsub(regsub(req.http.X-Forwarded-For, "{{client_in_forwarded}}", "\1"),
            "^((?:[0-9a-f]+:){1,4}).*$", "\1"), {{pages_burst}}, {{pages_seconds}}s)) {  # IPv6: a household's /64
        return (synth(429));
    }
}

sub vcl_pipe {
    set bereq.http.Connection = "close";  # what else the client sends is not a request that we have seen
    unset bereq.http.Upgrade;
    return (pipe);
}

# --- what the backends answer -------------------------------------------------------------------------

sub vcl_backend_fetch {
    set bereq.http.X-Began = "" + std.time2real(now, 0.0);
    if (bereq.http.X-Shared == "yes") {
        set bereq.first_byte_timeout = 10s;  # others wait for this very answer
        if (bereq.http.X-Kind == "html" && bereq.url ~ "^/(sitemap|feed)") {
            set bereq.first_byte_timeout = 60s;  # made of the whole catalog
        }
    }
    return (fetch);
}

sub vcl_backend_response {
    if (bereq.http.X-Kind ~ "^(html|rsc)$") {
        call compressed;  # what is one shopper's own, too
    }
    if (bereq.uncacheable && bereq.http.X-Shared != "yes") {
        return (deliver);
    }
    if (beresp.status >= 500) {
        return (abandon);  # so that nothing lies in front of what is old: see vcl_synth
    }
    if (bereq.http.X-Kind == "media" || bereq.http.X-Kind == "static") {
        call of_a_file;
        return (deliver);
    }
    # The origin decides, and says so expressly.
    if (beresp.http.Cache-Control !~ "\bpublic\b" || beresp.http.Cache-Control !~ "\bs-maxage=[1-9]"
        || beresp.http.Cache-Control ~ "\b(private|no-store)\b" || beresp.http.Set-Cookie
        || beresp.http.Vary ~ "(?i)\*|cookie|authorization") {
        call not_kept;
        set beresp.ttl = 60s;  # so long nobody waits for another's answer
        return (deliver);
    }
    if (beresp.status != 200 && ((beresp.status != 301 && beresp.status != 308 && beresp.status != 404)
        || (bereq.http.X-Kind == "rsc" && beresp.status < 400))) {
        call not_kept;
        return (deliver);
    }
    if (beresp.status != 200 && (beresp.status == 404 || !beresp.http.xkey) && beresp.ttl > 1s) {
        set beresp.ttl = 1s;
    }
    if (beresp.http.xkey ~ "(^| )((product|category):|(listing|search|categories|products)( |$))") {
        if (std.time2real(now, 0.0) - std.real(var.global_get("heartbeat"), 0.0) > {{heartbeat_seconds}}) {
            call not_kept;
            return (deliver);
        }
        call against_late_refills;
        set beresp.http.xkey = beresp.http.xkey + " told";
    }
    set beresp.grace = {{stale_seconds}}s;
    if (bereq.http.X-Kind != "api") {
        unset beresp.http.Vary;
        unset beresp.http.ETag;
    }
    call compressed;
    return (deliver);
}

# An answer that began before the last purge of its kind may be older than what was purged: ask again.
sub against_late_refills {
    # What every page bears says nothing of its kind: with a few products beside it, it is theirs.
    set beresp.http.X-Bucket = regsuball(beresp.http.xkey, "(^| )(categories|pages)(?= |$)", "");
    set beresp.http.X-Buckets = beresp.http.X-Bucket;
    unset beresp.http.X-Late;
    if (beresp.http.X-Buckets ~ "^( ?product:\S+){1,5}$") {
        call next_bucket;
        call next_bucket;
        call next_bucket;
        call next_bucket;
        call next_bucket;
    } else {
        set beresp.http.X-Bucket = "list";
        call look_at_bucket;
    }
    unset beresp.http.X-Buckets;
    set beresp.http.X-Bucket = "frame";
    call look_at_bucket;
    if (beresp.http.X-Late) {
        # What tells of all products takes seconds to make: the next reader has it made, not this one once more.
        if (bereq.retries < 2 && beresp.http.xkey !~ "(^| )products( |$)") {
            return (retry);
        }
        call not_kept;
        return (deliver);
    }
    unset beresp.http.X-Bucket;
}

# The bucket of the first product that has not been looked at.
sub next_bucket {
    if (beresp.http.X-Buckets ~ "product:") {
        set beresp.http.X-Bucket = regsub(beresp.http.X-Buckets, "^ ?product:\S*(\S\S)( .*)?$", "\1");
        set beresp.http.X-Buckets = regsub(beresp.http.X-Buckets, "^ ?product:\S+", "");
        call look_at_bucket;
    }
}

sub look_at_bucket {
    if (std.real(var.global_get(beresp.http.X-Bucket), 0.0) >= std.real(bereq.http.X-Began, 0.0)) {
        set beresp.http.X-Late = "yes";
    }
}

sub not_kept {
    set beresp.uncacheable = true;
    set beresp.ttl = 1s;
    set beresp.grace = 0s;
}

# Files bear a hash of their content in their names.
sub of_a_file {
    unset beresp.http.Set-Cookie;
    unset beresp.http.Vary;
    unset beresp.http.ETag;
    if (beresp.status == 200) {
        set beresp.http.Cache-Control = "public, max-age=31536000, immutable";
        set beresp.ttl = 365d;
        set beresp.grace = 0s;
        call compressed;
    } else {
        set beresp.http.Cache-Control = "no-store";
        call not_kept;
    }
}

# Not what the API has named by an ETag: that names these very bytes.
sub compressed {
    if (!beresp.http.ETag && !beresp.http.Content-Encoding
        && beresp.http.Content-Type ~ "^(text/|application/(xml|rss\+xml|json|problem\+json|javascript|manifest\+json)|image/svg\+xml)") {
        set beresp.do_gzip = true;
    }
}

sub vcl_backend_error {
    return (abandon);
}

# --- what goes out ------------------------------------------------------------------------------------

sub vcl_deliver {
    if (req.http.X-Kind == "media" && resp.status >= 400) {
        # The object storage's own words are XML for programs and name its buckets. What may not be read is not there.
        if (resp.status == 403) {
            return (synth(404));
        }
        return (synth(resp.status));
    }
    if (req.http.X-Shared == "yes" && (req.http.X-Kind ~ "^(html|rsc)$" || resp.http.Cache-Control ~ "s-maxage")) {
        # A browser must ask each time: nobody can take a price from it.
        if (req.url ~ "^/(favicon\.ico|icon\.(svg|png)|apple-icon\.png|manifest\.webmanifest)$" && resp.status == 200) {
            set resp.http.Cache-Control = "public, max-age=86400";
        } elsif (resp.http.Cache-Control ~ "\bpublic\b") {
            set resp.http.Cache-Control = "private, no-cache";
        }
        unset resp.http.Age;
    }
    if (req.http.X-Kind == "api" && resp.http.Location ~ "^/") {
        set resp.http.Location = "/api" + resp.http.Location;
    }
    if (req.http.X-Cache ~ "HIT|STALE") {
        unset resp.http.X-Request-Id;  # of the request that filled the memory
    }
    set resp.http.X-Cache = req.http.X-Cache;
    call secured;
    unset resp.http.xkey;
    unset resp.http.X-Bucket;
    unset resp.http.Surrogate-Control;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    unset resp.http.Server;
    unset resp.http.X-Powered-By;
    return (deliver);
}

# On every answer, whoever made it. A page and the API bring a policy of their own.
sub secured {
    set resp.http.X-Content-Type-Options = "nosniff";
    if (resp.http.Content-Type ~ "(?i)^(text/|[a-z]+/([a-z0-9.+-]*\+)?xml)" && resp.http.Content-Type !~ "(?i)charset=") {
        set resp.http.Content-Type = resp.http.Content-Type + "; charset=utf-8";  # as all text of the shop is
    }
    set resp.http.X-Frame-Options = "DENY";
    if (!resp.http.Content-Security-Policy) {
        set resp.http.Content-Security-Policy = "default-src 'none'; frame-ancestors 'none'";
    }
    if (!resp.http.Referrer-Policy) {
        set resp.http.Referrer-Policy = "strict-origin-when-cross-origin";
    }
    set resp.http.Permissions-Policy = "{{permissions_policy}}";
    set resp.http.Cross-Origin-Opener-Policy = "same-origin";
    set resp.http.Cross-Origin-Resource-Policy = "same-origin";
    if (req.http.X-Kind == "media") {
        set resp.http.Cross-Origin-Resource-Policy = "cross-origin";  # mails show the pictures
    }
{{transport_security}}    # What the object storage tells of itself
    unset resp.http.Seaweed-X-Amz-Owner;
    unset resp.http.X-Amz-Request-Id;
    unset resp.http.X-Amz-Id-2;
}

# Our own answers: words for people, a problem for programs (RFC 9457).
sub vcl_synth {
    if (resp.status == 503 && req.http.X-Shared == "yes" && req.restarts == 0) {
        return (restart);  # the backend is sick: once more, and what is old will do
    }
    unset resp.http.Server;
    unset resp.http.X-Varnish;
    unset resp.http.Via;
    if (req.method == "HEARTBEAT" && resp.status == 200) {
        set resp.http.X-Hour = "" + std.time2real(now, 0.0);
    }
    set resp.http.Cache-Control = "no-store";
    set resp.http.Referrer-Policy = "no-referrer";
    set resp.http.Content-Security-Policy = "default-src 'none'; style-src 'sha256-{{error_style_hash}}'; frame-ancestors 'none'";
    call secured;
    if (resp.status == 200) {
        set resp.http.Content-Type = "text/plain; charset=utf-8";
        synthetic(resp.reason + {"
"});
        return (deliver);
    }
    if (resp.status == 503) {
        set resp.http.Retry-After = "5";
        set resp.http.X-Title = "Back in a moment";
        set resp.http.X-Detail = "The shop is not answering right now. Please try again in a few seconds.";
        set resp.http.X-Code = "unavailable";
    } elsif (resp.status == 404) {
        set resp.http.X-Title = "Nothing here";
        set resp.http.X-Detail = "There is nothing at this address.";
        set resp.http.X-Code = "not_found";
    } elsif (resp.status == 403) {
        set resp.http.X-Title = "Not allowed";
        set resp.http.X-Detail = "This is only for the shop's own machines.";
        set resp.http.X-Code = "forbidden";
    } elsif (resp.status == 405) {
        set resp.http.Allow = "GET, HEAD";
        set resp.http.X-Title = "Not possible";
        set resp.http.X-Detail = "This address does not accept this kind of request.";
        set resp.http.X-Code = "method_not_allowed";
    } elsif (resp.status == 429) {
        set resp.http.Retry-After = "5";
        set resp.http.X-Title = "Too many requests";
        set resp.http.X-Detail = "Too many pages were asked for from your address. Please wait a few seconds, then try again.";
        set resp.http.X-Code = "too_many_requests";
    } else {
        set resp.http.X-Title = "Not understood";
        set resp.http.X-Detail = "The shop cannot read this request.";
        set resp.http.X-Code = "malformed_request";
    }
    if (req.http.X-Kind == "api") {
        set resp.http.Content-Type = "application/problem+json";
        synthetic({"{"type":"{{problem_type}}"} + resp.http.X-Code + {"","title":""} + resp.http.X-Title + {"","status":"}
            + resp.status + {","code":""} + resp.http.X-Code + {"","detail":""} + resp.http.X-Detail + {"" }"});
    } else {
        set resp.http.Content-Type = "text/html; charset=utf-8";
        synthetic({"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>"} + resp.http.X-Title + {"</title><style>{{error_style}}</style></head>
<body><main><h1>"} + resp.http.X-Title + {"</h1><p>"} + resp.http.X-Detail + {"</p><p><a href="/">{{shop_name}}</a></p></main></body></html>
"});
    }
    unset resp.http.X-Title;
    unset resp.http.X-Detail;
    unset resp.http.X-Code;
    return (deliver);
}
