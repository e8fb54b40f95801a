using System.Text;
using System.Text.Json.Nodes;
using Belay.Contracts.Invocations;
using Belay.Models;

namespace Belay.Testing.Providers;

/// <summary>Writes a reply of the Responses API. Its items are written when the model is done.</summary>
internal sealed class ResponsesWriter(ReceivedCall call) : ReplyWriter
{
    private readonly List<ResponsesItem> _items = [];
    private readonly StringBuilder _text = new();
    private ModelEvent? _open;

    public override IEnumerable<ReplyPiece> Write(ModelEvent one)
    {
        switch (one)
        {
            case ModelEvent.Text text:
                (_open, _) = (one, _text.Append(text.Value));
                break;
            case ModelEvent.Reasoning reasoning:
                (_open, _) = (one, _text.Append(reasoning.Value));
                break;
            case ModelEvent.ToolOpened:
                _open = one;
                break;
            case ModelEvent.ToolInput input:
                _text.Append(input.Fragment);
                break;
            case ModelEvent.BlockClosed:
                Close();
                break;
            default:
                break;
        }

        return [];
    }

    public override IEnumerable<ReplyPiece> End(HarnessStopReason reason, TokenUsage usage) => Pieces(
        reason switch
        {
            HarnessStopReason.MaxTokens => new ResponsesEnd.Incomplete("max_output_tokens"),
            HarnessStopReason.ContentFiltered => new ResponsesEnd.Incomplete("content_filter"),
            _ => new ResponsesEnd.Completed(),
        },
        new ChatUsage(usage.Input, usage.Output));

    public override IEnumerable<ReplyPiece> Fail(ModelFailure failure, string message) => Pieces(new ResponsesEnd.Failed(Code(failure), message), usage: null);

    public override ReplyPiece Overloaded() =>
        Event(new JsonObject { ["type"] = "error", ["code"] = Code(ModelFailure.Throttled), ["message"] = "Overloaded", ["param"] = null }, content: false, "error");

    public override ReplyError Error(int status, ModelFailure failure, string message) => new(new JsonObject
    {
        ["error"] = new JsonObject { ["message"] = message, ["type"] = failure is ModelFailure.Throttled ? "server_error" : "invalid_request_error", ["param"] = null, ["code"] = Code(failure) },
    });

    private static string Code(ModelFailure failure) => failure switch
    {
        ModelFailure.ContextTooLong => "context_length_exceeded",
        ModelFailure.Throttled => "rate_limit_exceeded",
        _ => "invalid_request",
    };

    private void Close()
    {
        _items.Add(_open switch
        {
            ModelEvent.ToolOpened tool => new ResponsesItem.Call(tool.Id.Length > 0 ? tool.Id : $"call_{call.Number}_{tool.Block}", tool.Name, _text.ToString()),
            ModelEvent.Reasoning => new ResponsesItem.Reasoning(_text.ToString(), Signatures.Of(call.Format, call.ModelId)),
            _ => new ResponsesItem.Text(_text.ToString()),
        });
        _text.Clear();
        _open = null;
    }

    private IEnumerable<ReplyPiece> Pieces(ResponsesEnd end, ChatUsage? usage)
    {
        if (_open is not null)
        {
            Close();
        }

        return new ResponsesReply(_items, end, usage).Stream(call.Number, call.ModelId)
            .Select(text => new ReplyPiece(Encoding.UTF8.GetBytes(text), Content: text.Split('\n')[0].EndsWith(".delta", StringComparison.Ordinal)));
    }
}
