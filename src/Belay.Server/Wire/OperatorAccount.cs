using Belay.Contracts.Faults;

namespace Belay.Server.Wire;

/// <summary>The account of the server's first access key: who runs the server, and may do what concerns every account.</summary>
internal static class OperatorAccount
{
    /// <summary>Lets only keys of the operator's account pass.</summary>
    public static void Demand(Caller caller, string account)
    {
        if (caller.Scope.Account != account)
        {
            throw new ServiceException(FaultCode.AccessDeniedException, "Only access keys of the account that the server was started with may do this.");
        }
    }
}
