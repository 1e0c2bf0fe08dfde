package bodega;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.List;
import java.util.function.UnaryOperator;

import org.opensearch.common.settings.Settings;
import org.opensearch.common.util.concurrent.ThreadContext;
import org.opensearch.core.common.io.stream.NamedWriteableRegistry;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.plugins.ActionPlugin;
import org.opensearch.plugins.NetworkPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.rest.BytesRestResponse;
import org.opensearch.rest.RestChannel;
import org.opensearch.rest.RestHandler;
import org.opensearch.rest.RestRequest;
import org.opensearch.transport.TransportInterceptor;
import org.opensearch.transport.TransportRequest;
import org.opensearch.transport.TransportRequestHandler;
import org.opensearch.transport.client.node.NodeClient;

/**
 * Lets only those in who know the password (HTTP Basic, RFC 7617): it is in the file `login` of the configuration, as
 * `user:password`. OpenSearch's own security plugin is in no registry; see docs/adr/0011-engines-ask.md.
 */
public final class KeyPlugin extends Plugin implements ActionPlugin, NetworkPlugin {
    private final byte[] expected;

    public KeyPlugin(Settings settings, Path configuration) throws IOException {
        byte[] login = Files.readString(configuration.resolve("login")).strip().getBytes(StandardCharsets.UTF_8);
        expected = ("Basic " + Base64.getEncoder().encodeToString(login)).getBytes(StandardCharsets.UTF_8);
    }

    /** Around every handler of the HTTP port. */
    @Override
    public UnaryOperator<RestHandler> getRestHandlerWrapper(ThreadContext context) {
        return handler -> new RestHandler.Wrapper(handler) {
            @Override
            public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
                String shown = request.header("Authorization");
                if (shown != null && MessageDigest.isEqual(expected, shown.getBytes(StandardCharsets.UTF_8))) {
                    super.handleRequest(request, channel, client);
                    return;
                }
                BytesRestResponse refusal =
                    new BytesRestResponse(RestStatus.UNAUTHORIZED, "text/plain; charset=UTF-8", "A password is needed.\n");
                refusal.addHeader("WWW-Authenticate", "Basic realm=\"bodega\"");
                channel.sendResponse(refusal);
            }
        };
    }

    /** The port for other nodes: there is one node alone, so whatever comes by it is refused. */
    @Override
    public List<TransportInterceptor> getTransportInterceptors(NamedWriteableRegistry registry, ThreadContext context) {
        return List.of(new TransportInterceptor() {
            @Override
            public <T extends TransportRequest> TransportRequestHandler<T> interceptHandler(
                    String action, String executor, boolean forced, TransportRequestHandler<T> handler) {
                return (request, channel, task) -> {
                    if (!"direct".equals(channel.getChannelType())) {
                        throw new SecurityException("this node speaks to no other");
                    }
                    handler.messageReceived(request, channel, task);
                };
            }
        });
    }
}
