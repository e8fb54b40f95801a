using System.Diagnostics;
using System.Text.Json;
using Belay.Contracts.Faults;
using Belay.Sessions;
using Belay.Storage;
using Microsoft.AspNetCore.Http;

namespace Belay.Server.Wire;

/// <summary>The one place that turns faults into what travels: an HTTP error before a stream has begun, an exception frame after.</summary>
internal static class FaultResponse
{
    /// <summary>The fault of an exception. What is no fault is ours: the caller gets a fixed sentence, the log the rest.</summary>
    public static ServiceException Of(Exception problem, string requestId) => problem switch
    {
        ServiceException { Code: not FaultCode.InternalServerException } fault => fault,
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } =>
            ServiceException.Invalid(ValidationReason.CannotParse, "The request body arrived too slowly."),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            ServiceException.Invalid(ValidationReason.CannotParse, "The request body is too large."),
        BadHttpRequestException => ServiceException.Invalid(ValidationReason.CannotParse, "The request is not valid HTTP, or its body ended early."),
        JournalDamagedException damage => Quarantine.Fault(damage),
        StorageException storage => new ServiceException(
            FaultCode.InternalServerException,
            $"The server cannot read or write its data at the moment{(storage.Why is { } why ? ": " + why : ".")} Try again later; its log has the reason under request id {requestId}.",
            problem),
        _ => new ServiceException(
            FaultCode.InternalServerException, $"The server failed to handle the request. Its log has the details under request id {requestId}.", problem),
    };

    /// <summary>Answers with an HTTP error.</summary>
    public static async Task WriteAsync(HttpResponse response, ServiceException fault)
    {
        response.StatusCode = Status(fault.Code);
        response.ContentType = "application/json";
        response.Headers["x-amzn-ErrorType"] = fault.Code.ToString();
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, OperationCall.WriterOptions))
        {
            WriteBody(json, fault.Code, fault);
        }

        response.ContentLength = buffer.Length;
        await response.Body.WriteAsync(buffer.GetBuffer().AsMemory(0, (int)buffer.Length), response.HttpContext.RequestAborted);
    }

    /// <summary>Ends a stream with an exception frame.</summary>
    public static Task WriteAsync(EventStreamResponse stream, string operation, ServiceException fault, CancellationToken cancellationToken)
    {
        var code = StreamCode(operation, fault.Code);
        return stream.WriteExceptionAsync(UnionMember(code), json => WriteBody(json, code, fault), cancellationToken);
    }

    /// <summary>HTTP status of a fault.</summary>
    public static int Status(FaultCode code) => code switch
    {
        FaultCode.ValidationException => StatusCodes.Status400BadRequest,
        FaultCode.UnauthorizedException => StatusCodes.Status401Unauthorized,
        FaultCode.ServiceQuotaExceededException => StatusCodes.Status402PaymentRequired,
        FaultCode.AccessDeniedException => StatusCodes.Status403Forbidden,
        FaultCode.ResourceNotFoundException or FaultCode.UnknownOperationException => StatusCodes.Status404NotFound,
        FaultCode.ConflictException or FaultCode.RetryableConflictException => StatusCodes.Status409Conflict,
        FaultCode.RuntimeClientError => StatusCodes.Status424FailedDependency,
        FaultCode.ThrottlingException => StatusCodes.Status429TooManyRequests,
        FaultCode.InternalServerException => StatusCodes.Status500InternalServerError,
        _ => throw new UnreachableException(),
    };

    /// <summary>
    /// The fault that a stream's union can carry. Both streams have a validation, an internal and a runtime exception, the command's
    /// four more; what a union lacks stopped the agent's runtime from the caller's point of view, and says so in its message.
    /// </summary>
    public static FaultCode StreamCode(string operation, FaultCode code) => code switch
    {
        FaultCode.ValidationException or FaultCode.InternalServerException or FaultCode.RuntimeClientError => code,
        FaultCode.AccessDeniedException or FaultCode.ResourceNotFoundException or FaultCode.ServiceQuotaExceededException or FaultCode.ThrottlingException
            when operation == "InvokeAgentRuntimeCommand" => code,
        _ => FaultCode.RuntimeClientError,
    };

    private static string UnionMember(FaultCode code)
    {
        var name = code.ToString();
        return string.Concat(char.ToLowerInvariant(name[0]).ToString(), name.AsSpan(1));
    }

    /// <summary>Writes a fault as every answer has it.</summary>
    public static void WriteBody(Utf8JsonWriter json, FaultCode code, ServiceException fault)
    {
        json.WriteStartObject();
        json.WriteString("__type", code.ToString());
        json.WriteString("message", fault.Message.Length == 0 ? code.ToString() : fault.Message);
        if (code == FaultCode.ValidationException)
        {
            json.WriteString("reason", (fault.Reason ?? ValidationReason.FieldValidationFailed).ToString());
            if (fault.Fields.Count > 0)
            {
                json.WriteStartArray("fieldList");
                foreach (var field in fault.Fields)
                {
                    json.WriteStartObject();
                    json.WriteString("name", field.Name);
                    json.WriteString("message", field.Message);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
            }
        }

        json.WriteEndObject();
    }
}
